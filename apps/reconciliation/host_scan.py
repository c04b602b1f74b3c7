"""Comparing what is on hosts with what they report anyway, for all hosts whose turn it is at once."""

from __future__ import annotations

from collections.abc import Sequence

from apps.infrastructure.reports import Reading
from apps.reconciliation import scan_schedule
from apps.reconciliation.declared import kinds
from apps.reconciliation.difference import Place
from apps.reconciliation.finding_writer import note
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import OnHosts
from apps.reconciliation.rules import LOOK_EVERY


def look_at_reports(readings: Sequence[Reading]) -> None:
    """Compare the reports of those hosts whose turn it is."""
    places = {f"host:{reading.host.pk}": reading for reading in readings}
    due = [places[place] for place in scan_schedule.claim_due(list(places), LOOK_EVERY)]
    if due:
        scan(due)


def scan(readings: Sequence[Reading]) -> None:
    """Compare these reports, and write down what differs."""
    hosts = {reading.host.pk: Place(reading.host.name, host=reading.host.pk) for reading in readings}
    known = Finding.objects.live().filter(host__in=hosts).exclude(rule=Rule.MISCOUNTED)
    looks = [kind.place for kind in kinds().values() if isinstance(kind.place, OnHosts)]
    note(known, [found for scan in looks for found in scan.differences(readings, hosts)])
