"""The one word a list says of a storage cluster: its connection's while it is not connected, else its health's."""

from __future__ import annotations

from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.drivers.specs import Severity
from apps.infrastructure.connection import PATIENCE, Reach, connection_of
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pool_health import health_of
from apps.lifecycle.state_labels import StateLabel

HEALTH_NAMES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.OK: "healthy"}
_LABELS = {
    "error": (_("Error"), "error"),
    Reach.FAILED.value: (_("Not connected"), "error"),
    "warning": (_("Warning"), "warn"),
    Reach.NO_ANSWER.value: (_("Not checked"), "warn"),
    Reach.UNKNOWN.value: (_("Not checked yet"), "off"),
    Reach.CHECKING.value: (_("Testing connection"), "busy"),
    Reach.CONNECTED.value: (_("Connected"), "ok"),
    "healthy": (_("Healthy"), "ok"),
}
CHOICES = [(name, label) for name, (label, _tone) in _LABELS.items()]

_asked = Q(check_asked_at__isnull=False) & (
    Q(checked_at__isnull=True) | Q(checked_at__lt=F("check_asked_at"))
)
#: The state in SQL, as `state_of` has it.
POOL_STATE = Case(
    When(_asked & Q(check_asked_at__gt=Now() - PATIENCE), then=Value(Reach.CHECKING.value)),
    When(_asked, then=Value(Reach.NO_ANSWER.value)),
    When(checked_at__isnull=True, then=Value(Reach.UNKNOWN.value)),
    When(~Q(check_error={}), then=Value(Reach.FAILED.value)),
    *(When(health__severity=kept.value, then=Value(name)) for kept, name in HEALTH_NAMES.items()),
    default=Value(Reach.CONNECTED.value),
    output_field=CharField(),
)


def state_of(cluster: StorageCluster) -> str:
    """Return the state of a storage cluster."""
    reach, health = connection_of(cluster).reach, health_of(cluster)
    return HEALTH_NAMES[health.severity] if health and reach is Reach.CONNECTED else reach.value


def label_of(state: str, reason: str = "") -> StateLabel:
    """Return a state as shown."""
    word, tone = _LABELS[state]
    return StateLabel(word, tone, reason=reason, code=state)
