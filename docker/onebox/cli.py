"""The command line: ``python3 docker/onebox COMMAND [--instance NAME] [--var DIR]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from onebox import environment, guest_image, hosts, instance, postgres, redis, tree, up
from onebox.instance import Instance
from onebox.progress import Progress
from onebox.shell import OneboxError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    args = _parser().parse_args(argv)
    try:
        found = instance.find(args.instance, args.var)
        status: int = args.action(found, args)
    except OneboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"error: {error}: this must run as root", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--instance", default="run", choices=("run", "test"), help="which instance (default: run)")
    common.add_argument("--var", type=Path, help="its directory (default: var/INSTANCE)")
    parser = argparse.ArgumentParser(prog="onebox", description="The whole platform on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, parents=[common])
        command.set_defaults(action=action)
        return command

    bring_up = add("up", _up, "bring it up")
    bring_up.add_argument("--only", choices=up.PARTS, default="all", help="stop after PostgreSQL and Redis, or the hosts")
    add("down", _down, "stop everything; data stay")
    add("status", _status, "say what is running")
    add("env", _env, "print the product's settings as KEY=VALUE lines")
    add("tree", _tree, "build the hosts' file system if missing, print its path")
    add("image", _image, "build the guest image if missing, print its path")
    inside = add("exec", _exec, "run a command inside a host")
    inside.add_argument("host")
    inside.add_argument("command", nargs=argparse.REMAINDER)
    add("kill", _kill, "cut a host's power").add_argument("host")
    add("start", _start, "switch a host on again").add_argument("host")
    return parser


def _up(found: Instance, args: argparse.Namespace) -> int:
    progress = Progress()
    with found.locked():
        up.up(found, args.only, progress)
    progress.say(f"{found.name} is up ({args.only}) after {progress.total():.1f} s")
    return 0


def _down(found: Instance, _: argparse.Namespace) -> int:
    progress = Progress()
    with found.locked():
        up.down(found, progress)
    progress.say(f"{found.name} is down after {progress.total():.1f} s; its data are kept in {found.var}")
    return 0


def _status(found: Instance, _: argparse.Namespace) -> int:
    print(f"instance {found.name}, slot {found.slot}, {found.var}")
    print(f"  postgresql {_word(postgres.is_up(found))} (127.0.0.1:{found.postgres_port})")
    print(f"  redis      {_word(redis.is_up(found))} (127.0.0.1:{found.redis_port}, {found.control_ip})")
    for host in hosts.every(found):
        print(f"  {host.name:10} {_word(host.pid() is not None)} ({host.management_ip})")
    return 0


def _word(is_up: bool) -> str:
    return "up  " if is_up else "down"


def _env(found: Instance, _: argparse.Namespace) -> int:
    for name, value in environment.load(found).items():
        print(f"{name}={value}")
    return 0


def _tree(found: Instance, _: argparse.Namespace) -> int:
    print(tree.obtain(found.logs / "host-tree.log"))
    return 0


def _image(found: Instance, _: argparse.Namespace) -> int:
    print(guest_image.obtain(found.logs / "guest-image.log"))
    return 0


def _exec(found: Instance, args: argparse.Namespace) -> int:
    command = hosts.named(found, args.host).command(args.command or ["bash", "-l"])
    sys.stdout.flush()
    os.execvp(command[0], command)


def _kill(found: Instance, args: argparse.Namespace) -> int:
    hosts.named(found, args.host).power_cut()
    return 0


def _start(found: Instance, args: argparse.Namespace) -> int:
    up.switch_on(hosts.named(found, args.host), up.layers(found))
    return 0
