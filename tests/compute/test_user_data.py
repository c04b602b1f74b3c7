"""User data: normalised whatever way it came, decoded, and refused where no guest would understand it."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as some

from apps.accounts.models import User
from apps.compute.models import Image, Vm
from apps.compute.services.first_boot import hostname_errors, hostnames_of
from apps.compute.services.user_data import MOST_USER_DATA, read_user_data
from apps.compute.specs import vm_spec
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm
from tests.compute.test_create_page import PAGE, as_shown

pytestmark = pytest.mark.requirement("VM-1")

SCRIPT = "#!/bin/sh\necho done\n"
SENT = "\ufeff" + SCRIPT.replace("\n", "\r\n")
MIME = (
    "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n"
    "--b\nContent-Type: text/cloud-config\n\n{config}\n--b--\n"
)


def in_base64(raw: bytes) -> str:
    return base64.encodebytes(raw).decode()


@pytest.mark.django_db
def test_crlf_and_a_byte_order_mark_are_removed_whatever_way_the_text_came(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    make_vm(owner, cloud, subnet, name="service", user_data=SENT)
    browser: Client = factories.page_client(alice)
    assert (
        browser.post(PAGE, {**as_shown(browser.get(PAGE)), "name": "page", "user_data": SENT}).status_code
        == 302
    )
    body: dict[str, Any] = {
        "name": "api", "instance_type": cloud.small.pk, "image": str(cloud.image.pk), "subnet": str(subnet.pk),
        "security_group": None,
    }  # fmt: skip
    client = factories.api_client(alice)
    assert client.post("/api/v1/vms", {**body, "user_data": SENT}, format="json").status_code == 202
    encoded = {**body, "count": 2, "user_data": in_base64(SENT.encode()), "user_data_encoding": "base64"}
    assert client.post("/api/v1/vms", encoded, format="json").status_code == 202
    assert [vm_spec(vm).seed.user_data for vm in Vm.objects.all()] == [SCRIPT] * 5


@pytest.mark.django_db
@pytest.mark.requirement("AC-4")
def test_a_dry_run_refuses_what_the_create_refuses(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    body = {
        "name": "x",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
    }
    body |= {"user_data": "#cloud-config\nusers: [\n"}
    client = factories.api_client(alice)
    real = client.post("/api/v1/vms", body, format="json")
    dry = client.post("/api/v1/vms?dry_run=1", body, format="json")
    assert real.status_code == 422
    (error,) = real.json()["errors"]
    said = error["message"]
    assert error["field"] == "user_data"
    assert "Line 3, column 1" in said
    assert said in dry.content.decode()
    assert (
        client.post("/api/v1/vms", {**body, "user_data_encoding": "gzip"}, format="json").status_code == 400
    )
    assert not Vm.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        SCRIPT,
        "#cloud-config\nruncmd: [[reboot]]\n",
        "#cloud-config\n",
        "\n#Cloud-Config\na: &x 1\nb: *x\n",
        "#cloud-boothook\n#!/bin/sh\n",
        "#include\nhttps://example.org/data\n",
        "#include-once\nhttps://example.org/data\n",
        "#part-handler\ndef list_types(): return []\n",
        "#cloud-config-archive\n- type: text/cloud-config\n  content: 'a: 1'\n",
        '#cloud-config-jsonp\n[{"op": "add", "path": "/a", "value": 1}]\n',
        "## template: jinja\n#cloud-config\nbootcmd: [{{ ds.x }}]\n",
        "## template: jinja\n#!/bin/sh\necho {{ ds.x }}\n",
        MIME.format(config="#cloud-config\na: 1"),
    ],
)
def test_every_form_that_cloud_init_knows_is_kept_as_it_is(text: str) -> None:
    assert read_user_data(text, family=Image.Family.LINUX) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo hi\n", "The first line tells the guest"),
        ("## template: jinja\necho hi\n", "The first line tells the guest"),
        (in_base64(SCRIPT.encode()), "choose the encoding base64"),
        ("\n" + SCRIPT, "must start with these characters"),
        ("#cloud-config\na: b: c\n", "Line 2, column 5 is not valid YAML"),
        ("#cloud-config\na: *x\n", "undefined alias x"),
        ("#cloud-config\n- a\n", "Line 2, column 1 is not valid YAML: a mapping"),
        ("#cloud-config\na: 1\n---\nb: 1\n", "only one document"),
        ("#cloud-config\n" + "[" * 60_000, "nested too deeply"),
        ("#cloud-config-archive\na: 1\n", "a list is expected"),
        (MIME.format(config="#cloud-config\na: ["), "MIME part 1: Line"),
        ("MIME-Version: 1.0\nContent-Type: multipart/mixed\n\nx\n", "has no parts"),
        ("#!/bin/sh\n\0", "Text only"),
        ("#!/bin/sh\n" + "x" * MOST_USER_DATA, "At most 64 KiB"),
        ("#ps1_sysnative\nGet-Date\n", "The first line tells the guest"),
    ],
)
def test_what_no_guest_understands_is_refused_with_its_cause(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_user_data(text, family=Image.Family.LINUX)
    assert reason in refused.value.fields["user_data"][0]


def nested(levels: int) -> str:
    """Return MIME parts one inside the other."""
    return "MIME-Version: 1.0\n" + "".join(
        f"Content-Type: multipart/mixed; boundary={level:x}\n\n--{level:x}\n" for level in range(levels)
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" + " " * 65_000 + "!", "The first line tells the guest"),
        (nested(1_050), "more than 20 multipart sections"),
        (nested(1_050).replace("Content-Type: m", "CONTENT-TYPE:\n m"), "more than 20 multipart sections"),
        (
            "MIME-Version: 1.0\n" + "Content-Type: message/rfc822\n\n" * 2_000,
            "more than 20 multipart sections",
        ),
    ],
    ids=["blanks", "multipart", "folded", "messages"],
)
def test_a_small_text_cannot_take_much_time_or_stack(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_user_data(text, family=Image.Family.LINUX)
    assert reason in refused.value.fields["user_data"][0]


@pytest.mark.parametrize("text", ["#ps1_sysnative\nGet-Date\n", "<script>\ndir\n</script>", SCRIPT])
def test_windows_guests_understand_their_own_scripts_too(text: str) -> None:
    assert read_user_data(text, family=Image.Family.WINDOWS) == read_user_data(text) == text


def test_a_batch_file_keeps_the_line_ends_it_needs() -> None:
    assert read_user_data("rem cmd\ndir\r\n", family=Image.Family.WINDOWS) == "rem cmd\r\ndir\r\n"


@pytest.mark.parametrize("raw", [SCRIPT.encode(), SENT.encode(), gzip.compress(SENT.encode(), mtime=0)])
def test_base64_of_text_or_gzip_is_the_text_in_it(raw: bytes) -> None:
    assert read_user_data(in_base64(raw), "base64") == SCRIPT


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("#!/bin/sh", "not base64"),
        (in_base64(SCRIPT.encode("utf-16")), "UTF-16"),
        (in_base64(b"\xff\x00\x81"), "neither UTF-8 text nor gzip"),
        (in_base64(gzip.compress(SCRIPT.encode(), mtime=0)[:-9]), "gzip data is damaged"),
        (in_base64(b"\x1f\x8bnot gzip"), "gzip data is damaged"),
        (in_base64(gzip.compress(bytes(1 << 22), mtime=0)), "At most 64 KiB"),
        (in_base64(b"#!" + b"x" * MOST_USER_DATA), "At most 64 KiB"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_its_cause(sent: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_user_data(sent, "base64")
    assert reason in refused.value.fields["user_data"][0]


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(some.text(min_size=1, max_size=63), some.sampled_from(Image.Family), some.integers(1, 10))
def test_host_names_made_from_names_pass_the_check_of_typed_ones(name: str, family: str, count: int) -> None:
    made = hostnames_of(name, family, count)
    assert [hostname_errors(hostname, family) for hostname in made] == [[]] * count
    assert len(set(made)) == count


@pytest.mark.parametrize(
    ("name", "family", "count", "made"),
    [
        ("2024", "linux", 1, ["vm-2024"]),
        ("production-webserver", "windows", 1, ["production-webs"]),
        ("production-webserver", "windows", 2, ["production-we-1", "production-we-2"]),
        ("production---server", "windows", 1, ["production-serv"]),
        ("x", "linux", 2, ["vm-x-1", "vm-x-2"]),
        ("Büro Zürich", "linux", 1, ["buro-zurich"]),
        ("数据库", "linux", 1, ["vm"]),
        ("123456789012345a", "windows", 1, ["vm-123456789012"]),
        ("a" * 63, "linux", 10, [f"{'a' * (61 - (n > 9))}-{n}" for n in range(1, 11)]),
    ],
)
def test_host_names_are_cut_before_their_number(name: str, family: str, count: int, made: list[str]) -> None:
    assert hostnames_of(name, family, count) == made


@pytest.mark.django_db
def test_a_typed_host_name_has_room_for_its_number(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    Image.objects.update(os_family=Image.Family.WINDOWS)
    with pytest.raises(Invalid) as refused:
        make_vm(owner, cloud, subnet, hostname="production-web", count=2)
    assert list(refused.value.fields) == ["hostname"]


@pytest.mark.django_db
def test_user_data_cannot_displace_a_typed_host_name(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    config = "#cloud-config\nwrite_files: [{hostname: no}]\n{more}"
    with pytest.raises(Invalid, match="also sets a hostname") as refused:
        make_vm(
            owner, cloud, subnet, hostname="db1", user_data=config.replace("{more}", "fqdn: other.example")
        )
    assert list(refused.value.fields) == ["hostname"]
    assert (
        make_vm(owner, cloud, subnet, hostname="db1", user_data=config.replace("{more}", "")).hostname
        == "db1"
    )


@pytest.mark.django_db
@pytest.mark.requirement("VM-1")
def test_a_windows_guest_takes_no_password_and_the_field_says_so(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    Image.objects.update(os_family=Image.Family.WINDOWS)
    with pytest.raises(Invalid, match="Set a user with a password in the user data") as refused:
        make_vm(owner, cloud, subnet, password="Correct-Horse-7")
    assert list(refused.value.fields) == ["password"]
    assert make_vm(owner, cloud, subnet, hostname="win-1", user_data="rem cmd\ndir").sealed_user_data


@pytest.mark.django_db
@pytest.mark.requirement("VM-1")
def test_what_an_image_without_cloud_init_never_reads_is_refused(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    Image.objects.update(cloud_init=False)
    with pytest.raises(Invalid, match="does not support cloud-init") as refused:
        make_vm(
            owner,
            cloud,
            subnet,
            password="Correct-Horse-7",
            hostname="old-1",
            user_data="#cloud-config\n{}",
        )
    assert set(refused.value.fields) == {"password", "hostname", "user_data"}
    assert make_vm(owner, cloud, subnet).name
