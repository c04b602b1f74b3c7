"""`?dry_run=1` on every create: what it would come to, and everything that would be refused. Nothing is changed.

A kind that can say more than its quotas declares an `Explain`. For all others the very service is run in a transaction
that is rolled back: what it took of the quotas meanwhile, and what it refused, is the forecast.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.access import visible_projects
from apps.accounts.rights import Rights
from apps.api.declarations import Create
from apps.api.errors import problem_of
from apps.api.reading import body_errors
from apps.lifecycle.actor import Actor
from apps.lifecycle.dry_run import dry_run
from apps.lifecycle.errors import Invalid, QuotaExceeded, Refused
from apps.lifecycle.forecast import Forecast, QuotaLine, Use, quota_reader

PARAMETER = "dry_run"
_WORDS = {"0": False, "false": False, "1": True, "true": True}


def is_dry_run(request: Request, *, offered: bool) -> bool:
    """Whether a dry run is requested. Raises Invalid where there is none, so that nothing is done by mistake."""
    word = request.query_params.get(PARAMETER, "0")
    if word not in _WORDS:
        raise Invalid({PARAMETER: [_("1 or 0.")]})
    if _WORDS[word] and not offered:
        raise Invalid(
            {PARAMETER: [_("Dry run is only available for create requests.")]},
            hint=_("Remove the dry-run parameter to make the change."),
        )
    return _WORDS[word]


def forecast(actor: Actor, create: Create, data: Any) -> Forecast:
    """Return what creating from this body would come to now; what is wrong with its shape is among the refusals."""
    body: Any = create.body(data=data, context={"actor": actor})
    errors = body_errors(body, data)
    if not errors:
        return _look_ahead(actor, create, body.validated_data)
    misshapen = Invalid(errors)
    if create.explain is None:
        return Forecast([misshapen])
    known = data if isinstance(data, Mapping) else {}
    seen = create.explain.forecast(
        actor, _valid_part(create.body, known, {path.partition(".")[0] for path in errors})
    )
    if seen.forbidden:
        return seen
    seen.refusals.insert(0, misshapen)
    return seen


def represent(seen: Forecast, create: Create, rights: Rights) -> dict[str, Any]:
    """Return a forecast as the API answers it."""
    forbidden = next((error for error in seen.refusals if error.status == 403), None)
    return {
        "possible": seen.possible,
        "permission": {"allowed": forbidden is None, "reason": forbidden.message if forbidden else ""},
        "refusals": [{"status": error.status, **problem_of(error)} for error in seen.refusals],
        "quotas": [_quota(line) for line in seen.quotas],
        **(create.explain.own(seen, rights) if create.explain else {}),
    }


def _look_ahead(actor: Actor, create: Create, asked: Mapping[str, Any]) -> Forecast:
    if create.explain is not None:
        return create.explain.forecast(actor, asked)
    tenant_id = _tenant_id(actor, asked)
    refusals: list[Refused] = []
    quotas = quota_reader()
    with dry_run():
        before: Use = quotas.used_by(tenant_id) if tenant_id else {}
        try:
            create.service(actor, **asked)
        except Refused as error:
            refusals.append(error)
        after: Use = quotas.used_by(tenant_id) if tenant_id else {}
    return Forecast(refusals, quotas.lines_between(before, after, _asked_in_vain(refusals)))


def _asked_in_vain(refusals: list[Refused]) -> dict[str, int]:
    lines: Any = [line for e in refusals if isinstance(e, QuotaExceeded) for line in e.details["quotas"]]  # type: ignore[attr-defined]
    return {line["metric"]: line["asked"] for line in lines}


def _tenant_id(actor: Actor, asked: Mapping[str, Any]) -> int | None:
    """Return whose quotas are meant: the actor's tenant, or for an admin as such that of the project named."""
    if actor.tenant is not None:
        return actor.tenant.pk
    project = asked.get("project")
    found = visible_projects(actor).filter(uid=project).first() if project else None
    return found.tenant_id if found else None


def _valid_part(
    body: type[serializers.Serializer[Any]], data: Mapping[str, Any], wrong: Collection[str]
) -> dict[str, Any]:
    """Return what was sent without the fields that are wrong."""
    rest = {name: value for name, value in data.items() if name not in wrong}
    reader = body(data=rest, partial=True)
    return dict(reader.validated_data) if reader.is_valid() else {}


def _quota(line: QuotaLine) -> dict[str, Any]:
    return {
        "metric": line.metric.name,
        "label": str(line.metric.label),
        "unit": line.metric.unit,
        "used": line.used,
        "asked": line.asked,
        "after": line.after,
        "limit": line.limit,
        "exceeded": line.short,
    }
