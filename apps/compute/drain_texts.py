"""What a drain plan comes to, in sentences."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.compute.drain_plan import DrainPlan, Fate, plan_drain, speed
from apps.infrastructure.models import Host


def drain_says(host: Host) -> list[str]:
    """Say what draining a host does, before it is requested."""
    plan = plan_drain(host)
    return [
        _("%(name)s is in maintenance and takes no VMs until you put it back.") % {"name": host.name},
        *counted(plan),
    ]


def counted(plan: DrainPlan) -> list[str]:
    """Say how many VMs move, how many stay, and how long it takes."""
    if not plan.moves:
        return [_("No VMs are on this host.")]
    live, stopped = len(plan.having(Fate.LIVE)), len(plan.having(Fate.STOPPED))
    waits, stays = len(plan.having(Fate.WAITS)), len(plan.having(Fate.STAYS))
    lines = []
    if live:
        text = ngettext(
            "%(n)s VM moves live: its guest keeps running.",
            "%(n)s VMs move live: their guests keep running.",
            live,
        )
        lines.append(text % {"n": live})
    if stopped:
        text = ngettext("%(n)s stopped VM moves.", "%(n)s stopped VMs move.", stopped)
        lines.append(text % {"n": stopped})
    if waits:
        text = ngettext(
            "%(n)s VM has another task under way and moves afterwards.",
            "%(n)s VMs have other tasks under way and move afterwards.",
            waits,
        )
        lines.append(text % {"n": waits})
    if stays:
        text = ngettext(
            "%(n)s VM cannot move and stays on this host.",
            "%(n)s VMs cannot move and stay on this host.",
            stays,
        )
        lines.append(text % {"n": stays})
    if live or stopped:
        lines.append(estimated(plan))
    return lines


def estimated(plan: DrainPlan) -> str:
    """Say about how long it takes, and by which assumption."""
    return _("Takes about %(time)s, assuming %(speed)s MiB/s between hosts.") % {
        "time": length(plan.estimate),
        "speed": speed(),
    }


def length(time: timedelta) -> str:
    """Return a duration, rounded up to what is known of it."""
    seconds = time.total_seconds()
    if seconds < 60:
        return _("1 minute")
    minutes = round(seconds / 60)
    if minutes < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    return _("%(n)s hours") % {"n": f"{minutes / 60:.1f}"}
