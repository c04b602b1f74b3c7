"""A mask instead of a prefix length is refused wherever a CIDR block is read; a host mask would mean the opposite."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from apps.accounts.cidr import MaskNotation, read_network
from apps.accounts.middleware import ClientAddressMiddleware
from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.network.models import AllowedRange, SecurityGroupRule, Subnet, Vpc
from tests import factories
from tests.network.factories import make_vpc

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-1")]

#: What is typed, and what it most likely means; "" where it means two things.
MASKS = {
    "10.0.0.0/0.0.0.255": "10.0.0.0/24",
    "10.0.0.0/255.255.255.0": "10.0.0.0/24",
    "10.0.0.9/0.0.0.255": "10.0.0.0/24",
    "10.0.0.0/024": "10.0.0.0/24",
    "10.0.0.0/0.0.0.0": "",
    "10.0.0.0/255.255.255.255": "",
}


def _refused(answer: Any, field: str, meant: str) -> bool:
    """Whether the API refuses the field, and names the block that was probably meant."""
    assert answer.status_code == 422, answer.content
    (error,) = answer.json()["errors"]
    wanted = f"Did you mean {meant}?" if meant else "Use a prefix length instead of a mask"
    return bool(error["field"] == field and wanted in error["message"])


@pytest.mark.parametrize(("text", "meant"), MASKS.items())
def test_the_reader_of_blocks_takes_prefix_lengths_only(text: str, meant: str) -> None:
    with pytest.raises(MaskNotation) as refusal:
        read_network(text)
    assert str(refusal.value.meant or "") == meant
    for right in ("10.0.0.0/24", "0.0.0.0/0", "10.0.0.1", "fd00::/8", "::/0"):
        assert str(read_network(right)).startswith(right)


@pytest.mark.parametrize(("text", "meant"), MASKS.items())
def test_vpcs_and_subnets_refuse_a_mask(
    text: str, meant: str, alice: User, project_a: Project, region: Region
) -> None:
    client = factories.api_client(alice)
    base = {"name": "net", "region": region.name, "project": str(project_a.uid)}
    assert _refused(client.post("/api/v1/vpcs", {**base, "cidr": text}, format="json"), "cidr", meant)
    both = {**base, "cidr": "10.0.0.0/16", "subnet_cidr": text}
    assert _refused(client.post("/api/v1/vpcs", both, format="json"), "subnet_cidr", meant)
    vpc = make_vpc(project_a, region)
    body = {"name": "part", "vpc": str(vpc.pk), "cidr": text}
    assert _refused(client.post("/api/v1/subnets", body, format="json"), "cidr", meant)
    assert Vpc.objects.count() == 1 and not Subnet.objects.exists()


@pytest.mark.parametrize(("text", "meant"), MASKS.items())
def test_rules_refuse_a_mask(text: str, meant: str, alice: User, project_a: Project, region: Region) -> None:
    rule = {"direction": "in", "protocol": "tcp", "port": "22", "address": text}
    body = {"name": "web", "project": str(project_a.uid), "region": region.name, "rules": [rule]}
    answer = factories.api_client(alice).post("/api/v1/security-groups", body, format="json")
    assert _refused(answer, "rules.0.address", meant)
    assert not SecurityGroupRule.objects.exists()


@pytest.mark.parametrize(("text", "meant"), MASKS.items())
def test_the_allowed_ranges_refuse_a_mask(text: str, meant: str, ada: User) -> None:
    body = {"ranges": [{"cidr": text, "min_prefix": 24, "max_prefix": 28}]}
    answer = factories.api_client(ada).put("/api/v1/vpc-ranges", body, format="json")
    assert _refused(answer, "ranges.0.cidr", meant)
    assert not AllowedRange.objects.exists()


def test_pages_refuse_a_mask_at_its_field(alice: User, project_a: Project, region: Region) -> None:
    form = {"name": "lab", "project": str(project_a.uid), "region": region.name, "cidr": "10.0.0.0/0.0.0.255"}
    answer = factories.page_client(alice).post("/vpcs/create/", form)
    assert answer.status_code == 422
    assert "Did you mean 10.0.0.0/24?" in answer.content.decode()


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("text", ["10.0.0.0/0.0.0.255", "10.0.0.0/255.0.0.0", "10.0.0.9/24"])
def test_the_list_of_trusted_proxies_is_read_strictly(settings: Any, text: str) -> None:
    settings.TRUSTED_PROXIES = [text]
    with pytest.raises(ValueError):
        ClientAddressMiddleware(lambda _request: HttpResponse())
