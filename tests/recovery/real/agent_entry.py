"""A host agent that breaks at armed points: run on a host in place of `python -m apps.agent`.

A point is armed by a file `POINTS/<call>:<moment>@<id of VM, volume or image>` that holds one of the ACTIONS; the first
call that comes by takes the file away and acts. The directory is shared by all hosts. The product knows nothing of
it, and nothing of the tests is imported: this file alone is copied to the host.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt

from apps.agent import __main__ as agent
from apps.agent.order_executor import OrderExecutor
from apps.drivers.files import qemu_img
from apps.drivers.orders import Answer, Order

POINTS = Path("/var/lib/scloud/shared/crash-points")
SEEDS = Path("/var/lib/scloud/seeds")
SLOW = ("-r", "1M")
"""Makes `qemu-img convert` copy one MiB a second."""
HALF_WRITTEN_BLOCKS = 1000
this_order = threading.local()
real_carry_out, real_reply = OrderExecutor._carry_out, OrderExecutor._reply
real_start = libvirt.virDomain.createWithFlags
real_create, real_link, real_run = qemu_img.create, os.link, subprocess.run


def at(point: str, subject: str) -> None:
    """Act as the point says, if it is armed for this VM, volume or image."""
    armed = POINTS / f"{point}@{subject}"
    try:
        action = armed.read_text()
        armed.unlink()
    except FileNotFoundError:
        return
    ACTIONS[action](subject)


def die(_: str = "") -> None:
    """As `kill -9` and as the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


def kill_libvirtd(_: str) -> None:
    subprocess.run(["systemctl", "kill", "--signal=KILL", "libvirtd.service"], check=True)


def lose_seed(vm_id: str) -> None:
    """As after a power cut: libvirt kept the definition, the file system lost the first-boot disk."""
    (SEEDS / f"{vm_id}.iso").unlink()
    die()


def lose_answer(_: str) -> None:
    this_order.answer = "lost"


def answer_late(_: str) -> None:
    this_order.answer = "late"


ACTIONS: dict[str, Callable[[str], None]] = {
    "die": die,
    "kill libvirtd": kill_libvirtd,
    "lose seed": lose_seed,
    "lose answer": lose_answer,
    "answer late": answer_late,
}


def carry_out(executor: OrderExecutor, order: Order) -> Answer:
    """Carry out an order between its two points."""
    at(f"{order.verb}:before", order.subject)
    answer = real_carry_out(executor, order)
    at(f"{order.verb}:after", order.subject)
    return answer


def reply(executor: OrderExecutor, order: Order, answer: Answer) -> None:
    """Answer, unless the answer is to be lost or to come after the order has expired."""
    fate, this_order.answer = getattr(this_order, "answer", ""), ""
    if fate == "late":
        time.sleep(max(0.0, order.expires - time.time()) + 1)
    if fate != "lost":
        real_reply(executor, order, answer)


def create(path: Path, *arguments: Any) -> None:
    """Make a qcow2 file that has no name yet."""
    real_create(path, *arguments)
    at("qemu_img.create:after", id_in(path))


def link(source: Path, target: Path) -> None:
    """Give a whole file its name; it has two then."""
    real_link(source, target)
    at("link:after", id_in(target))


def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a program; qemu-img is killed with half of its copy written when that is armed."""
    if "convert" in command and command[command.index("convert") - 1] == "qemu-img":
        target = Path(os.readlink(command[-1]))  # a descriptor, which the tool inherits
        armed = POINTS / f"qemu_img.convert:during@{id_in(target)}"
        if armed.exists():
            armed.unlink()
            return _killed_half_way(command, target, options)
    return real_run(command, **options)


def start(domain: Any, flags: int) -> Any:
    """Start a VM; libvirtd is killed once its QEMU is there when that is armed."""
    vm_id = domain.UUIDString()
    threading.Thread(target=_when_started, args=(vm_id,), daemon=True).start()
    return real_start(domain, flags)


def _when_started(vm_id: str) -> None:
    point = f"domain.start:during@{vm_id}"
    while (POINTS / point).exists():
        if real_run(["pgrep", "--full", f"qemu.*guest=vm-{vm_id}"], capture_output=True).returncode == 0:
            at("domain.start:during", vm_id)


def id_in(path: Path) -> str:
    """Return the id of the volume or image a file is, or is to become."""
    return path.name.split(".")[0]


def _killed_half_way(
    command: list[str], target: Path, options: dict[str, Any]
) -> "subprocess.CompletedProcess[str]":
    words = command.index("convert") + 1
    slowly = [*command[:words], *SLOW, *command[words:]]
    copying = subprocess.Popen(slowly, env=options["env"], pass_fds=options["pass_fds"])
    while not (target.exists() and target.stat().st_blocks > HALF_WRITTEN_BLOCKS):
        time.sleep(0.01)
    copying.kill()
    return subprocess.CompletedProcess(command, copying.wait(), "", "")


def main() -> None:
    """Put the points in and run the agent."""
    OrderExecutor._carry_out = carry_out  # type: ignore[method-assign, assignment]
    OrderExecutor._reply = reply  # type: ignore[method-assign, assignment]
    libvirt.virDomain.createWithFlags = start
    qemu_img.create = create  # type: ignore[assignment]
    os.link = link  # type: ignore[assignment]
    subprocess.run = run  # type: ignore[assignment]
    agent.main()


if __name__ == "__main__":
    main()
