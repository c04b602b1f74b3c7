"""First-boot data, read back from the disk image."""

import email
import email.policy
import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycdlib
import pytest
import yaml

from apps.drivers.libvirt import seed
from apps.drivers.specs import SeedNic, SeedSpec
from tests.drivers.samples import new_id

HASH = "$6$salt$hash"
SPEC = SeedSpec("web-1", HASH, ("ssh-ed25519 AAAA me@home",), "#!/bin/sh\necho 'hi: \"there\"'\n")


def read(image: bytes) -> dict[str, str]:
    """Return the files by their Joliet names, as an operating system shows them."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    assert iso.pvd.volume_identifier.decode().strip() == "cidata"
    found = {}
    for child in iso.list_children(joliet_path="/"):
        if child.is_file():
            name = child.file_identifier().decode("utf-16-be").removesuffix(";1")
            out = io.BytesIO()
            iso.get_file_from_iso_fp(out, joliet_path=f"/{name}")
            found[name] = out.getvalue().decode()
    return found


def parts_of(vendor_data: str) -> dict[str, str]:
    """Return the parts of vendor-data by their types."""
    message = email.message_from_string(vendor_data, policy=email.policy.default)
    return {part.get_content_type(): part.get_content() for part in message.iter_parts()}


@pytest.mark.requirement("VM-1")
def test_the_disk_holds_what_the_guest_needs() -> None:
    vm_id = new_id()
    files = read(seed.image(vm_id, SPEC))
    assert set(files) == {"meta-data", "user-data", "vendor-data"}
    assert vm_id in files["meta-data"]
    assert files["user-data"] == SPEC.user_data
    assert f"public-keys: {json.dumps(list(SPEC.ssh_keys))}" in files["meta-data"]
    parts = parts_of(files["vendor-data"])
    assert list(parts) == ["text/cloud-config", "text/x-shellscript"]
    assert yaml.safe_load(parts["text/cloud-config"]) == {
        "hostname": "web-1",
        "disable_root": False,
        "ssh_pwauth": True,
    }


@pytest.mark.requirement("VM-1")
def test_the_password_is_set_by_a_script_that_user_data_cannot_displace(tmp_path: Path) -> None:
    """`chpasswd` of a #cloud-config replaces that of vendor-data; scripts of both run."""
    script = parts_of(read(seed.image(new_id(), SPEC))["vendor-data"])["text/x-shellscript"]
    chpasswd = tmp_path / "chpasswd"
    chpasswd.write_text('#!/bin/sh\n{ echo "$@"; cat; } >"$0.seen"\n')
    chpasswd.chmod(0o755)
    subprocess.run(["sh"], input=script, text=True, check=True, env={"PATH": f"{tmp_path}:/bin"})
    assert (tmp_path / "chpasswd.seen").read_text() == f"-e\nroot:{HASH}\n"


def test_without_a_password_none_is_set() -> None:
    vendor = read(seed.image(new_id(), SeedSpec("web-1")))["vendor-data"]
    assert vendor.startswith("#cloud-config\n")
    assert "chpasswd" not in vendor
    assert "ssh_pwauth" not in vendor


@pytest.mark.requirement("SE-5")
def test_a_hostname_cannot_add_settings() -> None:
    files = read(seed.image(new_id(), SeedSpec("x\nruncmd: [reboot]")))
    assert not any(
        line.startswith("runcmd") for line in (files["meta-data"] + files["vendor-data"]).splitlines()
    )


@pytest.mark.requirement("SE-4")
def test_the_file_is_for_root_only_and_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "seeds" / "x.iso"
    seed.write(path, b"one")
    with path.open("rb") as running:
        seed.write(path, b"two")
        assert running.read() == b"one"
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600


INTERNAL, EXTERNAL, ELASTIC = (
    SeedNic("02:00:00:00:00:01", dhcp6=True),
    SeedNic("02:00:00:00:00:02", 1),
    SeedNic("02:00:00:00:00:03", 4),
)


def ethernets(*nics: SeedNic) -> dict[str, Any]:
    files = read(seed.image(new_id(), replace(SPEC, nics=nics)))
    config = yaml.safe_load(files["network-config"])
    assert config["version"] == 2
    return dict(config["ethernets"])


@pytest.mark.requirement("EI-3")
def test_nics_are_named_by_their_slots_found_by_their_macs_and_configured_by_dhcp() -> None:
    found = ethernets(INTERNAL, EXTERNAL, ELASTIC)
    assert list(found) == ["eth0", "eth1", "eth4"]
    assert {name: nic["match"]["macaddress"] for name, nic in found.items()} == {
        "eth0": INTERNAL.mac,
        "eth1": EXTERNAL.mac,
        "eth4": ELASTIC.mac,
    }
    assert all(nic["set-name"] == name and nic["dhcp4"] for name, nic in found.items())
    assert [nic.get("dhcp6", False) for nic in found.values()] == [True, False, False]
    assert [nic.get("optional", False) for nic in found.values()] == [False, True, True]


@pytest.mark.requirement("EI-4")
def test_the_internal_default_route_wins_unless_the_external_nic_is_the_egress() -> None:
    def metrics(*nics: SeedNic) -> list[int]:
        return [nic["dhcp4-overrides"]["route-metric"] for nic in ethernets(*nics).values()]

    internal, external, elastic = metrics(INTERNAL, EXTERNAL, ELASTIC)
    assert internal < external < elastic
    internal, external, elastic = metrics(INTERNAL, replace(EXTERNAL, is_egress=True), ELASTIC)
    assert external < internal < elastic


def test_no_route_table_stands_in_the_seed() -> None:
    """cloud-init's renderers but one make ordinary routes of those of a table."""
    text = json.dumps(ethernets(INTERNAL, EXTERNAL, ELASTIC))
    assert "table" not in text and "routing-policy" not in text and '"routes"' not in text


@pytest.mark.requirement("EN-2")
def test_a_guest_with_cloud_init_configures_a_nic_that_is_plugged_in() -> None:
    with_nics, without = replace(SPEC, nics=(INTERNAL,)), SPEC
    config = parts_of(read(seed.image(new_id(), with_nics))["vendor-data"])["text/cloud-config"]
    assert yaml.safe_load(config)["updates"] == {"network": {"when": ["boot", "hotplug"]}}
    files = read(seed.image(new_id(), without))
    assert "network-config" not in files and "updates" not in files["vendor-data"]


def test_the_digest_changes_with_what_is_in_it() -> None:
    vm_id = new_id()
    assert seed.digest(vm_id, SPEC) == seed.digest(vm_id, SPEC)
    assert seed.digest(vm_id, SPEC) != seed.digest(vm_id, SeedSpec("web-2"))
    assert seed.digest(vm_id, SPEC) != seed.digest(vm_id, replace(SPEC, nics=(INTERNAL,)))


#: Where busybox looks for a btrfs superblock, before it looks for ISO 9660; it reads 4 KiB there.
FARTHEST_LOOK = 68 * 1024


def test_a_disk_with_next_to_nothing_on_it_is_long_enough_to_be_looked_at() -> None:
    image = seed.image("vm-1", SeedSpec(hostname="a"))
    assert len(image) >= FARTHEST_LOOK
