"""Certificates of the test instance's authorities, and what a listener answers to those who show one."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docker"))

from onebox import certificates, instance
from pki import files, plan


def files_of_host(root: Path, name: str = "host-1") -> Path:
    """Write a host's files below `root` as they are on the host; return the directory that its agent reads."""
    files.place(root, plan.host_files(certificates.authorities(instance.find("test")), name))
    return root / plan.DIRECTORY
