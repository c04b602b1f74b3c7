"""An address brought to a VM by hand: the bare ovn-nbctl and guest agent steps that binding an EIP comes to."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from apps.compute.models import Vm
from apps.drivers.ovn.edge import GUESTS, OUTSIDE, port_name
from apps.drivers.ovn.external_addresses import outside_mac
from apps.drivers.specs import GATEWAY_V4
from apps.network.models import Edge, ExternalSegment, Nic, NicRole
from tests.compute.outside_lab import INTERNET4, Outside
from tests.drivers.guests import Guest

TABLE = 172


@dataclass
class BareAddress:
    """An address that the platform knows nothing of, on the external NIC of a VM that has one EIP already."""

    lab: Outside
    guest: Guest
    other: str
    ip: str

    @property
    def nic(self) -> Nic:
        return Vm.objects.get(pk=self.guest.vm_id).nics.get(role=NicRole.EXTERNAL)

    @property
    def edge(self) -> str:
        return str(Edge.objects.get().pk)

    def bind(self) -> None:
        """Give it to port, edge and guest."""
        edge, port = self.edge, str(self.nic.pk)
        network = ExternalSegment.objects.get(pk=self.lab.segments[INTERNET4]).provider_network_id
        towards = port_name(GUESTS, edge)
        self._nbctl(
            *self._port(self.other, self.ip),
            *("--", "--stateless", f"--gateway-port=provider-gw-{network}", "lr-nat-add", f"edge-{edge}"),
            *("dnat_and_snat", self.ip, self.ip, port, outside_mac(edge, self.ip)),
            *("--", f"--route-table={OUTSIDE}", "lr-route-add", f"edge-{edge}"),
            *(f"{self.ip}/32", self.ip, towards),
            *("--", "create", "static_mac_binding", f"logical_port={towards}", f"ip={self.ip}"),
            *(f'mac="{self.nic.mac}"', "override_dynamic_mac=true"),
        )
        device = self.guest.device(self.nic.mac)
        self.guest.output(
            f"ip addr add {self.ip}/32 dev {device};"
            f"ip rule add from {self.ip} table {TABLE} pref 1000;"
            f"ip route replace default via {GATEWAY_V4} dev {device} onlink table {TABLE}"
        )

    def unbind(self) -> None:
        """Take it away again."""
        edge = f"edge-{self.edge}"
        binding = self._nbctl("--bare", "--columns=_uuid", "find", "static_mac_binding", f"ip={self.ip}")
        self._nbctl(
            *self._port(self.other),
            *("--", "lr-nat-del", edge, "dnat_and_snat", self.ip),
            *("--", f"--route-table={OUTSIDE}", "lr-route-del", edge, f"{self.ip}/32"),
            *("--", "destroy", "static_mac_binding", binding.strip()),
        )
        device = self.guest.device(self.nic.mac)
        self.guest.output(f"ip addr del {self.ip}/32 dev {device}; ip rule del from {self.ip}")

    def _port(self, *ips: str) -> list[str]:
        port, address = str(self.nic.pk), " ".join((self.nic.mac, *ips))
        return ["lsp-set-addresses", port, address, "--", "lsp-set-port-security", port, address]

    def _nbctl(self, *words: str) -> str:
        return self.lab.site.box.northbound(*words)


def until_answered(lab: Outside, ip: str, bind: Callable[[], None]) -> float:
    """Return the seconds from the start of `bind` to the first answer to pings from outside, one each 20 ms.

    The gateway knows the MAC: by itself it would ask for it once a second only, which is longer than a bind takes.
    """
    gateway, edge = lab.gateway(INTERNET4), str(Edge.objects.get().pk)
    gateway.exec(
        "ip", "neigh", "replace", ip, "lladdr", outside_mac(edge, ip), "dev", "eth0", "nud", "permanent"
    )
    command = gateway.command(("ping", "-n", "-D", "-O", "-i", "0.02", ip))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pinging:
        assert pinging.stdout is not None
        next(line for line in pinging.stdout if "no answer" in line)
        began = time.time()
        try:
            bind()
            answer = next(line for line in pinging.stdout if "bytes from" in line)
        finally:
            pinging.send_signal(signal.SIGINT)
    gateway.exec("ip", "neigh", "del", ip, "dev", "eth0")
    found = re.match(r"\[(\d+\.\d+)\]", answer)
    assert found is not None
    return float(found[1]) - began
