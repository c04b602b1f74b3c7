"""The connectivity check where the receiver is called by its EIP."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Eip, Protocol, Subnet
from apps.network.reachability.answer import Answer, check_reachability
from apps.network.reachability.flow import Flow
from tests import factories
from tests.compute.eips import image_with_agent
from tests.compute.factories import Cloud, make_group, make_vm
from tests.network.external import make_eip, make_segment

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EI-3", "EI-4")]


def codes(answer: Answer) -> list[str]:
    return [step.code for step in answer.steps]


def test_an_eip_is_reached_from_another_vpc_by_the_senders_own(
    cloud: Cloud, subnet: Subnet, owner: Actor, tenant_a: Tenant
) -> None:
    project = factories.default_project(tenant_a)
    group, segment = make_group(cloud.region, project), make_segment(cloud.region)
    eip, mine = make_eip(segment, project), make_eip(segment, project)
    image = image_with_agent(cloud).pk
    target = make_vm(owner, cloud, subnet, name="target", eip=eip.pk, image=image)
    sender = make_vm(owner, cloud, cloud.network(tenant_a, "10.9.0.0/24"), name="sender")
    ping = Flow(Protocol.ICMPV4)

    def check() -> Answer:
        return check_reachability(owner, "sender", eip.address, ping)

    blocked = check()
    assert "egress.none" in codes(blocked) and blocked.cause is not None
    assert "no default egress" in blocked.cause.text
    Vm.objects.filter(pk=target.pk).update(guest_configured=True)  # as its host reports once the guest is up
    Eip.objects.filter(pk=mine.pk).update(carrier=sender.pk, delivery=Eip.Delivery.TRANSLATED)
    answer = check()
    assert answer.result == "ok", [step.text for step in answer.steps]
    assert {"egress.eip", "eip.bound", "guest.configured"} <= set(codes(answer))
    assert "vpc.other" not in codes(answer)
    target.nics.filter(role="external").update(security_group=group)
    assert "rules.no_match" in codes(check())
    target.nics.update(security_group=None)
    Vm.objects.filter(pk=target.pk).update(guest_configured=False, guest_network_reason="no_agent")
    unsure = check()
    assert (unsure.result, unsure.cause and unsure.cause.code) == ("unknown", "guest.not_configured")
