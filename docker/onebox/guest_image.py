"""A tiny bootable guest (about 30 MB of qcow2) made from Debian packages only.

A Debian cloud kernel, busybox, dropbear and the QEMU guest agent behind SYSLINUX, which loads the kernel in a third of
the time that GRUB takes where processors are emulated. It understands NoCloud first-boot data, grows with its disk, and
takes hot-plugged CPUs, memory, disks and NICs into use. All tools it is made with come from the same unpacked packages,
so nothing is installed on the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from onebox import cache, tree
from onebox.shell import OneboxError, run

SUITE = "bookworm"
SIZE_MIB = 64
FILES = Path(__file__).with_name("guest")
INSIDE = (
    "linux-image-cloud-amd64",
    "busybox-static",
    "dropbear-bin",
    "qemu-guest-agent",
    "e2fsprogs",
    "util-linux",
)
TOOLS = ("fdisk", "kmod", "cpio", "lz4", "syslinux", "syslinux-common", "mtools", "dosfstools", "qemu-utils")
PROGRAMS = (
    "/usr/sbin/dropbear",
    "/usr/bin/dropbearkey",
    "/usr/sbin/qemu-ga",
    "/sbin/resize2fs",
    "/sbin/mke2fs",
    "/sbin/e2fsck",
    "/usr/bin/partx",
)
BOOT_MODULES = ("virtio_pci", "virtio_blk")
MODULES = (
    "virtio_net", "virtio_console", "virtio_balloon", "virtio_rng", "virtio_mem", "button", "evdev",
    "isofs", "virtio_scsi", "sd_mod", "sr_mod",
)  # fmt: skip
DIRECTORIES = (
    "bin", "sbin", "usr/bin", "usr/sbin", "etc/dropbear", "dev", "proc", "sys", "run", "tmp", "mnt", "root/.ssh",
    "var/log", "var/lib", "www", "lib/modules", "usr/local/var/run",
)  # fmt: skip
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",  # no password until first-boot data sets one
    "etc/securetty": "ttyS0\ntty1\n",
    "etc/shells": "/bin/sh\n",
    "etc/hostname": "tiny\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/issue": "\nTiny Linux \\r on \\n (\\l)\n\n",
    "etc/os-release": 'NAME="Tiny"\nID=tiny\nPRETTY_NAME="Tiny Linux"\nVERSION_ID="1"\n',
}
SECTOR = 512
MIB = 1024 * 1024
#: The boot partition, in front of the root's, which grows; vda2 and vda1.
BOOT_START, BOOT_MIB = 1, 17
ROOT_START = BOOT_START + BOOT_MIB


def cache_name() -> str:
    """Changes whenever a file of the guest or this recipe does."""
    files = [path for path in sorted(FILES.rglob("*")) if path.is_file()]
    return f"guest-{cache.key(Path(__file__).read_text(), *(path.read_text() for path in files))}.qcow2"


def obtain(log: Path) -> Path:
    """The qcow2 file, built on first use (about 25 s)."""
    return cache.obtain(cache_name(), lambda fresh: _build(fresh, log))


def _build(target: Path, log: Path) -> None:
    base = Path(tempfile.mkdtemp(prefix="guest-", dir=target.parent))
    try:
        workshop = Workshop(base / "packages", log)
        tree.bootstrap(workshop.base, SUITE, [*INSIDE, *TOOLS], log, variant="extract")
        _fill_root(workshop)
        _fill_boot(workshop)
        _assemble(workshop).replace(target)
    finally:
        shutil.rmtree(base, ignore_errors=True)


class Workshop:
    """The unpacked packages: ingredients and tools in one. ``root`` and ``initrd`` are being filled below it."""

    def __init__(self, base: Path, log: Path) -> None:
        self.base, self.log = base, log
        self.build = base / "build"
        self.root, self.initrd = self.build / "root", self.build / "initrd"

    @property
    def kernel(self) -> str:
        """The version of the unpacked kernel."""
        names = sorted(path.name for path in (self.base / "lib/modules").iterdir())
        if not names:
            raise OneboxError(f"no kernel in the unpacked packages; see {self.log}")
        return names[-1]

    def tool(self, *args: str, stdin: str | None = None) -> str:
        """Run one of the unpacked tools, with paths as seen from inside."""
        return run(["chroot", self.base, *args], stdin=stdin).stdout

    def copy_program(self, path: str) -> None:
        """Copy a program and the libraries it is linked with into the guest."""
        listing = self.tool("/lib64/ld-linux-x86-64.so.2", "--list", path)
        libraries = [word for word in listing.split() if word.startswith("/")]
        for name in (path, "/lib64/ld-linux-x86-64.so.2", *libraries):
            target = self.root / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.base / name.lstrip("/"), target)

    def copy_modules(self, names: tuple[str, ...], target: Path) -> None:
        """Copy kernel modules and those they need, with a ``list`` in loading order."""
        target.mkdir(parents=True, exist_ok=True)
        files: dict[str, None] = {}
        for name in names:
            needs = self.tool(
                "modprobe", "--set-version", self.kernel, "--ignore-install", "--show-depends", name
            )
            files.update(
                dict.fromkeys(line.split()[1] for line in needs.splitlines() if line.startswith("insmod"))
            )
        for file in files:
            shutil.copy(self.base / file.lstrip("/"), target)
        (target / "list").write_text("".join(f"{Path(file).name}\n" for file in files))


def _fill_root(shop: Workshop) -> None:
    for name in DIRECTORIES:
        (shop.root / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(FILES, shop.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("init"))
    for name, text in ACCOUNTS.items():
        (shop.root / name).write_text(text)
    (shop.root / "etc/shadow").chmod(0o600)
    (shop.root / "root").chmod(0o700)
    (shop.root / "root/.ssh").chmod(0o700)
    shutil.copy(shop.base / "bin/busybox", shop.root / "bin/busybox")
    for applet in shop.tool("/bin/busybox", "--list").split():
        link = shop.root / "bin" / applet
        if applet not in ("busybox", "shutdown"):
            link.symlink_to("busybox")
    for name in ("init", "reboot", "poweroff", "halt", "getty", "acpid"):
        (shop.root / "sbin" / name).symlink_to("/bin/busybox")
    for program in PROGRAMS:
        shop.copy_program(program)
    (shop.root / "sbin/mkfs.ext4").symlink_to("mke2fs")  # busybox's shell takes its own mke2fs by that name
    shop.tool("depmod", shop.kernel)
    shop.copy_modules(MODULES, shop.root / "lib/modules")


def _fill_boot(shop: Workshop) -> None:
    for name in ("bin", "dev", "proc", "sys", "root"):
        (shop.initrd / name).mkdir(parents=True)
    shutil.copy(shop.base / "bin/busybox", shop.initrd / "bin/busybox")
    shutil.copy(FILES / "init", shop.initrd / "init")
    shop.copy_modules(BOOT_MODULES, shop.initrd / "modules")
    names = "".join(f"{path.relative_to(shop.initrd)}\n" for path in sorted(shop.initrd.rglob("*")))
    shop.tool(
        "cpio", "-D", "/build/initrd", "-o", "-H", "newc", "--quiet", "-O", "/build/initrd.cpio", stdin=names
    )
    shop.tool("lz4", "-l", "-9", "-q", "/build/initrd.cpio", "/build/initrd.lz4")
    _sparse(shop.build / "boot", BOOT_MIB * MIB)
    shop.tool("mkfs.fat", "-F", "16", "/build/boot")
    files = {
        f"/boot/vmlinuz-{shop.kernel}": "vmlinuz",
        "/build/initrd.lz4": "initrd",
        "/build/root/boot/syslinux.cfg": "syslinux.cfg",
    }
    for file, name in files.items():
        shop.tool("mcopy", "-i", "/build/boot", file, f"::/{name}")
    # Not from inside: it has mtools open the file by /proc.
    programs = shop.base / "usr/bin"
    run(
        [programs / "syslinux", "--install", shop.build / "boot"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
    )


def _assemble(shop: Workshop) -> Path:
    """Boot sector, a FAT partition with SYSLINUX and the kernel, the root's behind it; returns the qcow2 file."""
    _sparse(shop.build / "partition", (SIZE_MIB - ROOT_START) * MIB)
    # The journal matters even here: without it a host's power cut soon after boot broke the growing file system.
    features = ("-O", "has_journal,resize_inode", "-E", "root_owner=0:0", "-m", "0", "-L", "root")
    shop.tool("mke2fs", "-q", "-t", "ext4", "-b", "4096", *features, "-d", "/build/root", "/build/partition")
    disk = shop.build / "disk"
    _sparse(disk, SIZE_MIB * MIB)
    sectors = MIB // SECTOR
    layout = f"{ROOT_START * sectors},,83\n{BOOT_START * sectors},{BOOT_MIB * sectors},6,*\n"
    shop.tool("sfdisk", "-q", "/build/disk", stdin=layout)
    with disk.open("r+b") as out:
        out.write((shop.base / "usr/lib/syslinux/mbr/mbr.bin").read_bytes())
        for start, content in ((BOOT_START, "boot"), (ROOT_START, "partition")):
            out.seek(start * MIB)
            with (shop.build / content).open("rb") as partition:
                shutil.copyfileobj(partition, out, MIB)
    shop.tool("qemu-img", "convert", "-O", "qcow2", "/build/disk", "/build/disk.qcow2")
    return shop.build / "disk.qcow2"


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
