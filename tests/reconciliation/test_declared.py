"""What acts on infrastructure is declared as reconciled and counted, and one declaration is all that a kind needs."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from apps.accounts.models import Tenant, User
from apps.drivers.specs import FabricInventory, VpcSpec
from apps.lifecycle import acts, handlers, verbs
from apps.lifecycle.acts import has_service
from apps.lifecycle.handlers import handler_of
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.standard_verbs import force_clean_verb, resync_verb
from apps.lifecycle.verbs import Verb, all_verbs
from apps.quotas.metrics import metrics
from apps.reconciliation import declared
from apps.reconciliation.acts import force_cleans, repairs
from apps.reconciliation.declared import Preview, Reconciled, kinds, kinds_with_rows
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.operations.common import repairing
from apps.reconciliation.places import InFabric
from apps.reconciliation.rules import GENERATION
from apps.reconciliation.services import Action, actions, do, preview
from apps.reconciliation.texts import sentence
from tests import factories
from tests.compute.factories import Cloud
from tests.kinds import STRAYS
from tests.reconciliation.drift import findings, later, look_twice, repaired, the_finding, work

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3")]


def is_carried_out(verb: Verb) -> bool:
    try:
        handler_of(verb.name)
    except KeyError:
        return False
    return True


def test_every_kind_that_workers_make_is_reconciled() -> None:
    made = {verb.kind for verb in all_verbs() if not verb.on_resource and is_carried_out(verb)}
    assert made - {"finding"} == {kind.kind for kind in kinds_with_rows()}


def test_every_declared_verb_is_of_its_kind_and_carried_out() -> None:
    for kind in kinds_with_rows():
        for verb in filter(None, (kind.resync, kind.roll_back, kind.force_clean)):
            assert verb.kind == kind.kind and is_carried_out(verb) and has_service(verb.name)
        # External segments are the administrator's: no tenant has any.
        assert kind.kind in (*metrics(), "external_segment"), "what a force clean gives back is counted"


def test_every_kind_has_something_without_a_row_to_be_found() -> None:
    assert kinds().keys() == STRAYS.keys(), "say in tests/kinds how it comes to be there"


def test_every_difference_that_is_repaired_by_itself_has_a_verb_and_a_sentence() -> None:
    for kind in kinds().values():
        for rule, aspect in {*kind.safe, (Rule.STALE, ""), (Rule.ORPHAN, "")}:
            seen = {"found": 1, "wanted": 2, "ip": "10.0.0.4", "vm": "web"}
            found = Difference(Rule(rule), kind.kind, uuid4(), Place("here"), aspect=aspect, values=seen)
            assert sentence(found)["text"]
        if kind.force_clean is not None and any(rule != Rule.ORPHAN for rule, _aspect in kind.safe):
            assert kind.resync is not None


def test_every_metric_leads_to_a_list_of_what_uses_it() -> None:
    assert all(reverse(f"portal:{metric.list}.list") for metric in metrics().values())
    orders = [metric.order for metric in metrics().values()]
    assert len(set(orders)) == len(orders)


# -- a made-up kind --------------------------------------------------------------------------------------------------


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Declare routers, with one entry and one handler; return what there is of them: id → generation."""
    there: dict[str, int] = {}
    handler_of("vm.create")  # before the tables are copied
    kinds()
    has_service("vm.create")
    monkeypatch.setattr(verbs, "_table", dict(verbs._table))
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    monkeypatch.setattr(acts, "_services", dict(acts._services))
    # Routers take the place of VPCs in the fabric.
    monkeypatch.setattr(declared, "_kinds", {k: v for k, v in declared._kinds.items() if k != "vpc"})
    of = FabricInventory.of
    monkeypatch.setattr(
        FabricInventory, "of", lambda seen, kind: there if kind is VpcSpec else of(seen, kind)
    )

    def make(run: OperationContext) -> None:
        there[str(run.target_id)] = Resource.objects.get(pk=run.target_id).generation

    def users(key: object) -> QuerySet[Resource]:
        return Resource.objects.filter(kind="router", name=f"behind {key}")

    again = verbs.declare(resync_verb("router"))
    clean = verbs.declare(force_clean_verb("router"))
    repairs(again)
    force_cleans(clean)
    handlers.handles(again)(repairing(make))
    declared.declare(
        Reconciled(
            "router",
            Resource,
            InFabric(VpcSpec, rows=ROWS),
            stale="Region %(place)s has no such router.",
            orphan="Region %(place)s has this router, and no row knows it.",
            removed=lambda finding: Preview([f"Router {finding.name} goes."]),
            safe=frozenset({(Rule.STALE, ""), (Rule.UNSYNCED, GENERATION)}),
            resync=again,
            force_clean=clean,
            resync_says=lambda resource, part: Preview([f"{resource.name} is made."]),
            users=users,
        )
    )
    return there


ROWS = """
SELECT r.id, r.id AS resource, r.name, r.tenant_id, r.generation, '' AS ip, true AS lags
  FROM lifecycle_resource r WHERE r.kind = 'router' AND r.region_id = %(region)s
"""


@pytest.fixture
def router(cloud: Cloud, tenant_a: Tenant) -> Resource:
    row = Resource.objects.create(
        kind="router", name="edge", tenant=tenant_a, region=cloud.region, state=State.READY, generation=3
    )
    later()
    return row


def test_a_made_up_kind_is_repaired_by_itself(backend: dict[str, int], router: Resource) -> None:
    look_twice()
    assert work() == ["router.resync"]
    assert backend == {str(router.pk): 3}
    backend[str(router.pk)] = 2
    look_twice()
    assert work() == ["router.resync"]
    assert repaired() == [(Rule.STALE, "", "router"), (Rule.UNSYNCED, GENERATION, "router")]
    look_twice()
    assert findings() == []


def test_a_made_up_kinds_orphan_is_listed_with_what_can_be_done(
    backend: dict[str, int], router: Resource, ada: User
) -> None:
    stray = uuid4()
    backend.update({str(router.pk): 3, str(stray): 1})
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.target_id) == (Rule.ORPHAN, "router", stray)
    assert [choice.action for choice in actions(finding) if choice.allowed] == [Action.FORCE_CLEAN]
    assert preview(finding, Action.FORCE_CLEAN).done == [f"Router {stray} goes."]
    client = factories.page_client(ada)
    page = client.get("/admin/findings/?kind=router").content.decode()
    assert "has this router, and no row knows it." in page
    do(factories.actor_for_user(ada), finding, Action.FORCE_CLEAN)
    assert work() == ["finding.force_clean"]


def test_a_made_up_kind_in_error_is_in_trouble(backend: dict[str, int], router: Resource, ada: User) -> None:
    backend[str(router.pk)] = 3
    Resource.objects.filter(pk=router.pk).update(state=State.ERROR)
    page = factories.page_client(ada).get("/admin/in-trouble/").content.decode()
    assert "edge" in page
    router.refresh_from_db()
    assert [c.action for c in actions(router) if c.allowed] == [Action.FORCE_CLEAN]
    assert Finding.objects.count() == 0
