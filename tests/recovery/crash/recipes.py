"""For each verb that has a handler: a resource on which it is legal, and the call that asks for it.

Those of kinds are in tests/kinds; a verb without an entry fails a test that names it.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from apps.compute.services.drain import drain_host
from apps.drivers.specs import VolumeSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.services.failure import fence_host, readmit_host
from apps.lifecycle.actor import SYSTEM
from apps.reconciliation.models import Finding, FindingState, Rule
from tests.kinds import CASES
from tests.kinds import RECIPES as OF_KINDS
from tests.recovery.crash.dying_hosts import closed_host, returning_host, silent_host
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, Recipe, done, load, spoilt

__all__ = ["MODELS", "PLANTED", "RECIPES", "Recipe", "done", "load", "spoilt"]

MODELS: dict[str, type[Any]] = {
    **{case.kind: case.model for case in CASES if case.recipes},
    "finding": Finding,
    "host": Host,
}
#: Name of the findings made here.
PLANTED = "planted"


def _orphan(environment: Environment) -> Finding:
    """A volume without a row, and the finding that says so."""
    pk = uuid4()
    backends.volumes(environment.storage, None).ensure_volume(
        VolumeSpec(str(pk), environment.storage.spec(), size_gib=1)
    )
    return Finding.objects.create(
        name=PLANTED,
        rule=Rule.ORPHAN,
        kind="disk",
        target_id=pk,
        storage_cluster=environment.storage,
        state=FindingState.OPEN,
    )


RECIPES: dict[str, Recipe] = {
    **OF_KINDS,
    "finding.force_clean": Recipe(FORCE_CLEAN, _orphan),
    "host.fence": Recipe(lambda environment, host: fence_host(environment.admin, host), silent_host),
    "host.drain": Recipe(lambda environment, host: drain_host(environment.admin, host), closed_host),
    "host.readmit": Recipe(lambda environment, host: readmit_host(SYSTEM, host), returning_host),
}
