"""EIPs of real guests: seconds from a bind to the first answered ping, beside the bare steps."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from apps.network.models import Eip
from tests.bench.bare_eips import BareAddress, until_answered
from tests.bench.report import Figure, report
from tests.compute.outside_lab import INTERNET4, Outside, lab

__all__ = ["lab"]

pytestmark = [pytest.mark.bench, pytest.mark.real, pytest.mark.timeout(600)]

ROUNDS = 10
MOST_RATIO = 1.2
BY_HAND = "203.0.113.200"


def test_what_a_bind_takes_until_the_address_answers_beside_its_bare_steps(lab: Outside) -> None:
    guest = lab.guests[0]
    lab.see_done(lab.bind(lab.eips[INTERNET4], guest))
    lab.change("POST", "/eips", {"name": "measured", "segment": lab.segments[INTERNET4]})
    eip = Eip.objects.get(name="measured")
    bare = BareAddress(lab, guest, lab.eips[INTERNET4].address, BY_HAND)
    seen: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        accepted: list[Any] = []
        product = until_answered(lab, eip.address, lambda: accepted.append(lab.bind(eip, guest)))  # noqa: B023
        lab.see_done(*accepted)
        lab.change("POST", f"/eips/{eip.pk}/unbind")
        by_hand = until_answered(lab, bare.ip, bare.bind)
        bare.unbind()
        seen.append((product, by_hand))
    product, by_hand = (median(column) for column in zip(*seen, strict=True))
    report(
        "eips",
        [
            Figure("bind until the first answered ping", product, "s"),
            Figure("bare ovn-nbctl and guest agent steps", by_hand, "s"),
            Figure("ratio", product / by_hand, "", MOST_RATIO),
        ],
    )
