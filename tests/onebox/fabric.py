"""A small hand-made world for tests of the hosts alone: one OVN network, and tiny guests defined with virsh."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from dataclasses import dataclass
from xml.etree import ElementTree

from onebox.hosts import Host
from onebox.shell import wait_until

from tests.onebox_fixtures import Onebox

POOL = "/var/lib/scloud/shared"
OFF = {"csum": "off", "gso": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off"}


@dataclass(frozen=True)
class Network:
    """A logical switch behind a router that answers DHCP; guest ``n`` has address 10.77.0.n."""

    box: Onebox
    name: str

    def create(self) -> str:
        """Make it and return the id of its DHCP options."""
        self.box.northbound("--may-exist", "ls-add", self.name)
        options = 'options=server_id=10.77.0.1 server_mac="02:00:00:00:77:01" lease_time=3600 router=10.77.0.1 mtu=1442'
        return self.box.northbound("create", "DHCP_Options", "cidr=10.77.0.0/24", options)

    def add_port(self, number: int, dhcp: str) -> tuple[str, str]:
        """Add a port and return its id and MAC; libvirt wants the id to be a UUID."""
        port, mac = str(uuid.uuid4()), f"52:54:00:77:00:{number:02x}"
        address = f"{mac} 10.77.0.{number}"
        self.box.northbound("lsp-add", self.name, port)
        self.box.northbound("lsp-set-addresses", port, address)
        self.box.northbound("lsp-set-port-security", port, address)
        self.box.northbound("lsp-set-dhcpv4-options", port, dhcp)
        return port, mac

    def remove(self) -> None:
        self.box.northbound("--if-exists", "ls-del", self.name)


@dataclass
class Guest:
    """A tiny guest on one host."""

    host: Host
    name: str

    def start(self, box: Onebox, port: str, mac: str, user_data: str = "") -> None:
        """Clone the image thin, write first-boot data, define and start."""
        # Beside the pool's directories: what is in "import" is closed to guests.
        image, files = f"{POOL}/{box.guest_image.name}", f"{POOL}/{self.name}"
        if not (box.shared / box.guest_image.name).exists():
            (box.shared / box.guest_image.name).write_bytes(box.guest_image.read_bytes())
        seed = box.shared / f"{self.name}.seed"
        seed.mkdir(exist_ok=True)
        (seed / "meta-data").write_text(f"instance-id: {uuid.uuid4()}\nlocal-hostname: {self.name}\n")
        (seed / "vendor-data").write_text(
            f"#cloud-config\nchpasswd: {{users: [{{name: root, password: {HASH}}}]}}\n"
        )
        (seed / "user-data").write_text(user_data)
        names = [f"{files}.seed/{name}" for name in ("meta-data", "vendor-data", "user-data")]
        self.host.exec("genisoimage", "-quiet", "-V", "cidata", "-J", "-r", "-o", f"{files}.iso", *names)
        self.host.exec(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", f"{files}.qcow2", "256M"
        )
        self.host.exec("virsh", "define", "/dev/stdin", stdin=self._domain(files, port, mac))
        self.host.exec("virsh", "start", self.name)

    def _domain(self, files: str, port: str, mac: str) -> str:
        domain = ElementTree.Element("domain", type="qemu")
        ElementTree.SubElement(domain, "name").text = self.name
        ElementTree.SubElement(domain, "memory", unit="MiB").text = "128"
        system = ElementTree.SubElement(domain, "os")
        ElementTree.SubElement(system, "type", arch="x86_64", machine="pc").text = "hvm"
        features = ElementTree.SubElement(domain, "features")
        ElementTree.SubElement(features, "acpi")
        ElementTree.SubElement(ElementTree.SubElement(features, "tcg"), "tb-cache", unit="MiB").text = "32"
        devices = ElementTree.SubElement(domain, "devices")
        for target, file, kind in (("vda", f"{files}.qcow2", "qcow2"), ("vdb", f"{files}.iso", "raw")):
            disk = ElementTree.SubElement(devices, "disk", type="file", device="disk")
            ElementTree.SubElement(disk, "driver", name="qemu", type=kind)
            ElementTree.SubElement(disk, "source", file=file)
            ElementTree.SubElement(disk, "target", dev=target, bus="virtio")
        nic = ElementTree.SubElement(devices, "interface", type="bridge")
        ElementTree.SubElement(nic, "mac", address=mac)
        ElementTree.SubElement(nic, "source", bridge="br-int")
        virtual = ElementTree.SubElement(nic, "virtualport", type="openvswitch")
        ElementTree.SubElement(virtual, "parameters", interfaceid=port)
        ElementTree.SubElement(nic, "model", type="virtio")
        driver = ElementTree.SubElement(nic, "driver", name="qemu")
        ElementTree.SubElement(driver, "host", OFF)
        ElementTree.SubElement(driver, "guest", {key: value for key, value in OFF.items() if key != "gso"})
        channel = ElementTree.SubElement(devices, "channel", type="unix")
        ElementTree.SubElement(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
        return ElementTree.tostring(domain, encoding="unicode")

    def agent(self, command: str, **arguments: object) -> object:
        """Ask the guest agent; raises OneboxError while it does not answer."""
        request = json.dumps({"execute": command, "arguments": arguments})
        answer: object = json.loads(self.host.exec("virsh", "qemu-agent-command", self.name, request))[
            "return"
        ]
        return answer

    def shell(self, command: str) -> str:
        """Run a shell command inside the guest and return its output."""
        started = self.agent("guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})
        assert isinstance(started, dict)
        result: dict[str, object] = {}

        def ended() -> bool:
            status = self.agent("guest-exec-status", pid=started["pid"])
            assert isinstance(status, dict)
            result.update(status)
            return bool(status["exited"])

        wait_until(ended, f"{command!r} in {self.name}", seconds=240, every=0.2)
        return base64.b64decode(str(result.get("out-data", ""))).decode()

    def wait_for_agent(self) -> None:
        """Wait until the guest has booted."""

        def answers() -> bool:
            request = json.dumps({"execute": "guest-ping"})
            done = self.host.exec("virsh", "qemu-agent-command", self.name, request, check=False)
            return "return" in done

        wait_until(answers, f"guest agent of {self.name}", seconds=300, every=0.5)

    def remove(self, box: Onebox) -> None:
        if self.host.pid() is not None:
            self.host.exec("virsh", "destroy", self.name, check=False)
            self.host.exec("virsh", "undefine", self.name, check=False)
        for path in box.shared.glob(f"{self.name}.*"):
            subprocess.run(["rm", "-r", "--", path], check=True)


HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
