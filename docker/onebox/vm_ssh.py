"""``onebox ssh``: log in to a VM of the demo from this machine. VMs have private addresses only."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

from onebox import product, vm_network
from onebox.instance import Instance
from onebox.shell import OneboxError
from onebox.vm_network import Place

USER = "root"


def ssh(instance: Instance, target: str, args: Sequence[str]) -> int:
    """Run ssh to ``[USER@]VM``, a name or an ID, with ssh's own arguments; return its exit status."""
    if shutil.which("ssh") is None:
        raise OneboxError("ssh is not installed: apt-get install openssh-client")
    user, _, wanted = target.rpartition("@")
    vm = _found(instance, wanted)
    taken = {*vm["taken"], *vm_network.others(instance)}
    network = IPv4Network(vm["cidr"])
    place = Place(vm["subnet"], vm_network.free_address(network, taken), network.prefixlen)
    with vm_network.visitor(instance, place) as inside:
        command = ["ssh", *_host_key(instance, vm["id"]), f"{user or USER}@{vm['address']}", *args]
        return subprocess.call([*inside, *command])


def _found(instance: Instance, wanted: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(product.manage(instance, "find_vm", "--", wanted))
    except OneboxError as error:
        _, is_answer, answer = str(error).partition("CommandError: ")
        if is_answer:
            raise OneboxError(answer) from None
        raise
    return found


def _host_key(instance: Instance, vm_id: str) -> list[str]:
    """Two VPCs may use the same addresses: host keys are kept by the VM's ID."""
    options = (
        f"HostKeyAlias={vm_id}",
        f"UserKnownHostsFile={instance.var / 'known_hosts'}",
        "StrictHostKeyChecking=accept-new",
        "ConnectTimeout=20",
    )
    return [word for option in options for word in ("-o", option)]
