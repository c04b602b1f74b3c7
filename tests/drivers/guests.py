"""Real guests: talking to one through its guest agent, from the host it runs on."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from onebox.hosts import Host
from onebox.shell import OneboxError, patience

BOOT_SECONDS = 300


@dataclass
class Guest:
    """A VM that runs on a pretend host."""

    host: Host
    vm_id: str

    def wait_booted(self) -> None:
        """Wait until the guest agent answers."""
        give_up = time.monotonic() + patience(BOOT_SECONDS)
        while True:
            try:
                self._ask("guest-ping")
                return
            except OneboxError as error:
                assert time.monotonic() < give_up, f"{error}\n{self.serial()}"
                time.sleep(0.5)

    def run(self, command: str, seconds: float = 240) -> tuple[int, str]:
        """Run a shell command in the guest; return its exit status and output."""
        started = self._ask("guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})
        give_up = time.monotonic() + patience(seconds)
        while True:
            status = self._ask("guest-exec-status", pid=started["pid"])
            if status["exited"]:
                return status.get("exitcode", -1), _text(status, "out-data") + _text(status, "err-data")
            assert time.monotonic() < give_up, f"{command!r} still ran after {seconds} s"
            time.sleep(0.2)

    def output(self, command: str, seconds: float = 240) -> str:
        """Return the output of a command that must succeed."""
        status, text = self.run(command, seconds)
        assert status == 0, f"{command!r} ended with {status}: {text}"
        return text

    def pings(self, address: str, count: int = 3) -> bool:
        """Return whether an address answers."""
        return self.run(f"ping -c {count} -W 2 {address}")[0] == 0

    def wait_for_address(self, address: str) -> None:
        """Wait until DHCP has given the guest this address."""
        give_up = time.monotonic() + patience(240)
        while f" {address}/" not in self.output("ip -4 addr show dev eth0"):
            assert time.monotonic() < give_up, self.output("ip addr") + self.serial()
            time.sleep(0.5)

    def device(self, mac: str) -> str:
        """Return the guest's name for the NIC with this MAC."""
        return self.output(f"basename $(dirname $(grep -l {mac} /sys/class/net/*/address))").strip()

    def wait_for_devices(self, slots: dict[str, int]) -> None:
        """Wait until the guest has exactly these NICs, by MAC, each in its slot of the PCI bus."""
        look = "for nic in /sys/class/net/eth*; do cat $nic/address; readlink -f $nic/device/..; done"
        give_up = time.monotonic() + 30
        while True:
            words = self.output(look).split()
            found = {
                mac: int(path.rpartition(":")[2].partition(".")[0], 16)
                for mac, path in zip(words[::2], words[1::2], strict=True)
            }
            if found == slots:
                return
            assert time.monotonic() < give_up, (found, slots)
            time.sleep(0.2)

    def serial(self) -> str:
        """Return the end of the serial console's log."""
        return self.host.exec(
            "tail", "-n", "30", f"/var/log/libvirt/qemu/{self.vm_id}.serial.log", check=False
        )

    def _ask(self, command: str, **arguments: Any) -> Any:
        request = json.dumps({"execute": command, "arguments": arguments})
        domain = f"vm-{self.vm_id}"
        answer = self.host.exec("virsh", "-q", "qemu-agent-command", "--timeout", "10", domain, request)
        return json.loads(answer)["return"]


def _text(status: dict[str, Any], key: str) -> str:
    return base64.b64decode(status.get(key, "")).decode(errors="replace")
