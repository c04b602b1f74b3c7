"""SE-5: whatever people call things, a hypervisor's XML, a guest's seed and an order hold it as text."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pycdlib
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from apps.drivers.errors import DriverError
from apps.drivers.files.layout import volume_path
from apps.drivers.host_verbs import verbs_of
from apps.drivers.libvirt import domain_xml, seed
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import PoolSpec, SeedSpec, VmSpec, VolumeSpec
from tests.drivers.test_seed import parts_of
from tests.security.hostile import HOSTILE

pytestmark = pytest.mark.requirement("SE-5")

ID = "6f0a2b64-3f0e-4c2b-9a63-2c0f6b1f4f10"
HOST = HostSettings(name="h1", management_ip="192.0.2.1", virtualisation="qemu", userspace_datapath=True)
encodable = {what: text for what, text in HOSTILE.items() if what not in ("lone surrogate", "null")}
texts = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200)
fast = settings(max_examples=100, derandomize=True, database=None, deadline=None)


def spec(name: str, told: SeedSpec) -> VmSpec:
    return VmSpec(id=ID, name=name, vcpu=1, memory_mib=512, disks=(), nics=(), seed=told, uid=1)


def built(name: str) -> ET.Element:
    return ET.fromstring(
        domain_xml.build(spec(name, SeedSpec(hostname="vm")), HOST, {}, VmMetadata(), "secret")
    )


def plain(domain: ET.Element) -> list[tuple[str, dict[str, str]]]:
    """Return tags and attributes, in order: everything but texts."""
    return [(node.tag, dict(node.attrib)) for node in domain.iter()]


@fast
@given(texts)
def test_a_name_changes_nothing_of_a_domain_but_its_title(name: str) -> None:
    domain = built(name)
    assert plain(domain) == plain(built("plain"))
    assert domain.findtext("name") == f"vm-{ID}"
    assert (domain.findtext("title") or "") == domain_xml.title_of(name)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_is_the_title_as_it_stands(name: str) -> None:
    title = built(name).findtext("title") or ""
    assert title == domain_xml.title_of(name)
    if name.isprintable():
        assert title == " ".join(name.split())


@settings(fast, max_examples=20)
@given(texts, some.lists(some.text(some.characters(min_codepoint=32, max_codepoint=126)), max_size=3))
def test_user_data_reaches_the_guest_byte_for_byte(user_data: str, keys: list[str]) -> None:
    told = SeedSpec(hostname="web-1", user_data=user_data, ssh_keys=tuple(keys), password_hash="$6$a:b #{c")
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(seed.image(ID, told)))
    read = {}
    for name in ("user-data", "vendor-data", "meta-data"):
        out = io.BytesIO()
        iso.get_file_from_iso_fp(out, joliet_path=f"/{name}")
        read[name] = out.getvalue()
    iso.close()
    assert read["user-data"] == user_data.encode()
    parts = parts_of(read["vendor-data"].decode())
    vendor, meta = yaml.safe_load(parts["text/cloud-config"]), yaml.safe_load(read["meta-data"])
    assert vendor["hostname"] == meta["local-hostname"] == "web-1"
    assert meta.get("public-keys", []) == keys
    assert "'root:$6$a:b #{c'" in parts["text/x-shellscript"]


@pytest.mark.parametrize("text", encodable.values(), ids=encodable.keys())
def test_an_order_brings_every_text_as_it_is(text: str) -> None:
    ordered = spec(text, SeedSpec("vm", user_data=text))
    ensure_vm = verbs_of(Hypervisor)["ensure_vm"]
    raw = msgspec.msgpack.encode(ensure_vm.pack(ordered))
    assert msgspec.msgpack.decode(raw, type=ensure_vm.arguments) == ensure_vm.pack(ordered)


def test_files_are_named_by_identifiers_alone(tmp_path: Path) -> None:
    pool = PoolSpec(id="1", driver="file", path=str(tmp_path))
    assert volume_path(VolumeSpec(id=ID, pool=pool, size_gib=1)).parent == tmp_path / "volumes"
    for what, text in HOSTILE.items():
        with pytest.raises(DriverError) as refused:
            volume_path(VolumeSpec(id=text, pool=pool, size_gib=1))
        assert refused.value.code == "driver.bad_id", what
