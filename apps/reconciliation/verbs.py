"""What the reconciler and the administrator do about differences. All for administrators only."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Cancel, Text, Verb, declare


def _on_finding(
    action: str, label: Text, doing: Text, *, destructive: bool = False, icon: str = "", kind: str = "finding"
) -> Verb:
    """Return a verb whose target is a finding, which is no resource: it holds nothing but what it locks beside."""
    return Verb(
        f"{kind}.{action}",
        label,
        doing,
        permission="admin",
        destructive=destructive,
        exclusive=False,
        on_resource=False,
        cancel=Cancel.BEFORE,
        icon=icon,
    )


#: Removes what has no row: an orphan, or the second definition of a VM.
FINDING_FORCE_CLEAN = declare(
    _on_finding("force_clean", _("Force clean"), _("Force cleaning"), destructive=True, icon="eraser")
)
FINDING_DISMISS = declare(_on_finding("dismiss", _("Dismiss"), _("Dismissing"), icon="eye-off"))
FINDING_REOPEN = declare(_on_finding("reopen", _("Reopen"), _("Reopening"), icon="eye"))

# What the administrator asks for; the operations that come of it are the resource's own.
FINDING_RESYNC = declare(_on_finding("resync", _("Resync"), _("Resyncing"), icon="arrows-exchange"))
FINDING_RETRY = declare(_on_finding("retry", _("Retry"), _("Retrying"), icon="rotate-clockwise-2"))
FINDING_ROLL_BACK = declare(_on_finding("roll_back", _("Roll back"), _("Rolling back"), icon="arrow-back-up"))
#: The same on resources in trouble, which no rule sees.
TROUBLE_RESYNC = declare(
    _on_finding("resync", _("Resync"), _("Resyncing"), icon="arrows-exchange", kind="trouble")
)
TROUBLE_RETRY = declare(
    _on_finding("retry", _("Retry"), _("Retrying"), icon="rotate-clockwise-2", kind="trouble")
)
TROUBLE_FORCE_CLEAN = declare(
    _on_finding(
        "force_clean",
        _("Force clean"),
        _("Force cleaning"),
        destructive=True,
        icon="eraser",
        kind="trouble",
    )
)
