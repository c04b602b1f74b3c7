"""What administrators set about consoles."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import CONSOLE, declare
from apps.platform_settings.kinds import Number

IDLE_SECONDS = declare(
    Number(
        name="console_idle_seconds",
        group=CONSOLE,
        label=_("Console idle timeout"),
        help=_("A console without activity for this long is disconnected."),
        unit=_("seconds"),
        default=lambda: int(settings.CONSOLE_IDLE_SECONDS),
        least=10,
        most=86_400,
    )
)
