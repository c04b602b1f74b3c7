"""Finding out whether KVM works."""

import json
import subprocess
from pathlib import Path

import pytest

from apps.drivers.libvirt import probe
from tests.onebox_fixtures import Onebox

SOURCE = Path(probe.__file__).with_name("probe.S")


def test_the_program_is_what_its_source_says(tmp_path: Path) -> None:
    subprocess.run(["gcc", "-c", "-o", tmp_path / "probe.o", SOURCE], check=True)
    binary = tmp_path / "probe.bin"
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", tmp_path / "probe.o", binary], check=True)
    assert binary.read_bytes() == probe.SECTOR


def test_an_answer_for_this_kernel_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "DEVICE", tmp_path / "no-kvm")
    cache = tmp_path / "state" / "virtualisation.json"
    assert probe.virtualisation(cache) == "qemu"
    kept = json.loads(cache.read_text())
    cache.write_text(json.dumps({**kept, "virtualisation": "kvm"}))
    assert probe.virtualisation(cache) == "kvm"
    cache.write_text(json.dumps({**kept, "virtualisation": "kvm", "key": "another kernel"}))
    assert probe.virtualisation(cache) == "qemu"


@pytest.mark.real
def test_the_program_ends_under_emulation_but_not_without_kvm_nor_after_the_deadline(onebox: Onebox) -> None:
    code = (
        "from apps.drivers.libvirt.probe import boots;"
        "print(boots('tcg', 'qemu64', 60), boots('kvm', 'host'), boots('tcg', 'qemu64', 0.05))"
    )
    command = ("env", "PYTHONPATH=/opt/scloud-agent/lib", "/opt/scloud-agent/bin/python", "-c", code)
    assert onebox.hosts[0].exec(*command).split() == ["True", "False", "False"]
