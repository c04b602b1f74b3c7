"""Finding out how VMs can really run here.

libvirt's capabilities list KVM wherever /dev/kvm opens, but inside another cloud's VM it may be an emulation that boots
no kernel. So a tiny program is booted (probe.S), with a deadline.
"""

import json
import platform
import tempfile
from pathlib import Path

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.libvirt.settings import Virtualisation
from apps.drivers.tools import GIB, Limits

PROGRAM = bytes.fromhex(
    "fa31c08ed88ec08ed0bc007cfc66bf001000000f22df6631c066b9000c000066f3ab66c70600100320000066c7060020033000"
    "0066c7060030830000000f20e06683c8200f22e066b9800000c00f32660d000100000f300f20c0660d010000800f22c0660f01"
    "16987cea6e7c0800b900e1f505ffc975fcbf00800000f0480fc70fb010e6f4f4ebfd000000000000000000000000009a20000f"
    "00887c0000"
)
SECTOR = PROGRAM.ljust(510, b"\0") + b"\x55\xaa"
SUCCESS = 33
"""QEMU's exit status after the program wrote 16 to its debug exit: twice that and one."""
DEADLINE_SECONDS = 10.0
DEVICE = Path("/dev/kvm")


def boots(accelerator: str, cpu: str, seconds: float = DEADLINE_SECONDS) -> bool:
    """Return whether the program runs to its end under an accelerator of QEMU ("kvm", "tcg")."""
    with tempfile.NamedTemporaryFile(prefix="scloud-probe-") as disk:
        disk.write(SECTOR)
        disk.flush()
        command = [
            *("qemu-system-x86_64", "-machine", "pc", "-accel", accelerator, "-cpu", cpu, "-m", "16"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-drive", f"file={disk.name},format=raw,if=ide,snapshot=on"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        ]
        try:
            done = tools.run(*command, limits=Limits(seconds=seconds, memory_bytes=8 * GIB))
        except DriverError:
            return False
    return done.status == SUCCESS


def virtualisation(cache: Path) -> Virtualisation:
    """Return "kvm" if it works, else "qemu". The answer is kept in `cache` for this kernel."""
    key = f"{platform.release()} {DEVICE.exists()}"
    known = _read(cache)
    if known.get("key") == key:
        return "kvm" if known.get("virtualisation") == "kvm" else "qemu"
    found: Virtualisation = "kvm" if DEVICE.exists() and boots("kvm", "host") else "qemu"
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"key": key, "virtualisation": found}))
    return found


def userspace_datapath(bridge: str = "br-int") -> bool:
    """Return whether Open vSwitch forwards for this bridge in user space."""
    words = ("--timeout=10", "--if-exists", "get", "bridge", bridge, "datapath_type")
    done = tools.run("ovs-vsctl", *words, limits=Limits(seconds=20))
    return done.output.strip().strip('"') == "netdev"


def _read(cache: Path) -> dict[str, str]:
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
