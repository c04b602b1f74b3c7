"""The balancing log in words, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.balancing.models import Decision, Outcome


def sentence(decision: Decision) -> str:
    """Return one line with its figures: what was seen, and what was done or why nothing was."""
    values = decision.values
    return f"{_seen(values)} {_WORDS[Outcome(decision.outcome)](values)}"


def measure_word(measure: str) -> str:
    """Return the name of what was measured, within a sentence."""
    return {"cpu": _("CPU load"), "memory": _("memory used"), "vcpu": _("vCPUs allocated")}[measure]


def _seen(values: Mapping[str, Any]) -> str:
    return _("%(host)s: %(what)s %(percent)s %%, above %(threshold)s %% for %(minutes)s min.") % {
        **_plain(values),
        "what": measure_word(values["measure"]),
    }


def _moved(values: Mapping[str, Any]) -> str:
    text = _(
        "Moving %(vm)s (%(memory)s GiB) to %(target)s: %(host)s drops to %(left)s %%, "
        "%(target)s rises from %(before)s %% to %(after)s %%."
    ) % {**_plain(values), "memory": f"{values['memory_mib'] / 1024:.4g}"}
    return text if values["enough"] else f"{text} {_('No single move brings the host below its threshold.')}"


def _refused(values: Mapping[str, Any]) -> str:
    return _("Moving %(vm)s to %(target)s was refused: %(why)s") % _plain(values)


def _no_move(values: Mapping[str, Any]) -> str:
    parts = []
    if values["without_target"]:
        parts.append(
            _("no host would stay below its threshold (VMs checked: %(n)s)") % {"n": values["without_target"]}
        )
    if values["too_small"]:
        parts.append(_("too little relief (VMs: %(n)s)") % {"n": values["too_small"]})
    if values["fixed"]:
        reasons = " ".join(_(reason) for reason in values["reasons"])
        parts.append(_("cannot be moved (VMs: %(n)s): %(why)s") % {"n": values["fixed"], "why": reasons})
    why = "; ".join(parts) or _("no VM is on the host")
    return _("No VM is moved: %(why)s") % {"why": why}


def _gap(values: Mapping[str, Any]) -> str:
    return _("Not counted as overloaded: %(missing)s of %(samples)s samples are missing.") % _plain(values)


def _held(values: Mapping[str, Any]) -> str:
    return _("No VM is moved: hosts of the cluster have failed or have open tasks (%(hosts)s).") % _plain(
        values
    )


def _limit(values: Mapping[str, Any]) -> str:
    return _("No VM is moved: the limit of %(moves)s moves per hour is reached.") % _plain(values)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


_WORDS = {
    Outcome.MOVED: _moved,
    Outcome.REFUSED: _refused,
    Outcome.NO_MOVE: _no_move,
    Outcome.GAP: _gap,
    Outcome.HELD: _held,
    Outcome.LIMIT: _limit,
}
