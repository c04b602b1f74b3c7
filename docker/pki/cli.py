"""The command line: ``python3 docker/pki [--dir DIR] COMMAND``; docs/concepts/certificates.md walks through it."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pki import files, plan
from pki.authority import Authority, UnknownName, expiry, is_due
from pki.files import File
from pki.plan import Pki

DEFAULT_DIRECTORY = Path("/etc/scloud/authorities")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    args = _parser().parse_args(argv)
    os.umask(0o077)
    try:
        status: int = args.action(Pki(args.dir), args)
    except (UnknownName, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pki", description="Certificates of the platform's machines.")
    parser.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help=f"default: {DEFAULT_DIRECTORY}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about)
        command.set_defaults(action=action)
        return command

    command = add("control", _control, "create the authorities and the control plane's certificates")
    command.add_argument("--address", action="append", required=True, help="of PostgreSQL and Redis; repeat")
    command.add_argument("--central", action="append", required=True, help="of OVN's databases; repeat")
    command = add("host", _host, "create a host's certificates")
    command.add_argument("name", help="the host's enrolled name")
    command.add_argument("--address", required=True, help="the host's address on the management network")
    add("remove-host", _remove_host, "delete a host's certificates and keys").add_argument("name")
    command = add("pack", _pack, "write a machine's files as a tar archive to standard output")
    command.add_argument("machine", help=f"{', '.join(plan.MACHINES)} or a host's name")
    command.add_argument("--to", type=Path, help="write the files to this directory instead")
    add("status", _status, "list all certificates; status 1 if one is due")
    add("rotate", _rotate, "replace all certificates and keys")
    command = add("authority", _authority, "replace an authority's key, in three steps")
    command.add_argument("step", choices=("announce", "switch", "retire"))
    command.add_argument("name", nargs="*", help="default: all")
    return parser


def _control(pki: Pki, args: argparse.Namespace) -> int:
    pki.ensure_control(args.address, args.central)
    return 0


def _host(pki: Pki, args: argparse.Namespace) -> int:
    pki.ensure_host(args.name, args.address)
    return 0


def _remove_host(pki: Pki, args: argparse.Namespace) -> int:
    pki.remove_host(args.name)
    return 0


def _pack(pki: Pki, args: argparse.Namespace) -> int:
    packed = plan.machine_files(pki, args.machine)
    if args.to is not None:
        files.place(args.to, packed)
    else:
        sys.stdout.buffer.write(archive(packed))
    return 0


def archive(packed: Iterable[File]) -> bytes:
    """A tar archive of a machine's files, owned by root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in packed:
            entry = tarfile.TarInfo(str(file.path))
            entry.size, entry.mode = len(file.content), file.mode
            entry.mtime = int(datetime.now(UTC).timestamp())
            tar.addfile(entry, io.BytesIO(file.content))
    return out.getvalue()


def _status(pki: Pki, _: argparse.Namespace) -> int:
    due = 0
    for authority in pki.authorities():
        for name in ("ca", *authority.names()):
            certificate = authority.certificate(name)
            left = (expiry(certificate) - datetime.now(UTC)).days
            due += is_due(certificate)
            mark = "DUE" if is_due(certificate) else ""
            print(
                f"{authority.name:20} {name:14} {expiry(certificate):%Y-%m-%d} {left:5} days {mark}".rstrip()
            )
    if due:
        print(
            f"{due} certificates are due: pki rotate (authorities: pki authority announce)", file=sys.stderr
        )
    return 1 if due else 0


def _rotate(pki: Pki, _: argparse.Namespace) -> int:
    for authority in pki.authorities():
        authority.reissue_all()
    return 0


def _authority(pki: Pki, args: argparse.Namespace) -> int:
    chosen = [pki.authority(name) for name in args.name] or pki.authorities()
    step = {"announce": Authority.announce, "switch": Authority.switch, "retire": Authority.retire}[args.step]
    for authority in chosen:
        authority.trusted()
        step(authority)
    return 0
