"""What django-axes and Django's password check go by: what administrators set."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.http import HttpRequest

from apps.tenancy.platform_settings import LOGIN_FAILURES, LOGIN_LOCK_MINUTES, PASSWORD_LENGTH


def failure_limit(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
    """Return how many failed log-ins lock."""
    return LOGIN_FAILURES.value()


def cool_off(request: HttpRequest | None = None) -> timedelta:
    """Return how long a lock lasts; further tries do not prolong it, so that the page can say until when."""
    return timedelta(minutes=LOGIN_LOCK_MINUTES.value())


class PasswordLengthValidator(MinimumLengthValidator):
    """Django's, with the length that is set now."""

    @property
    def min_length(self) -> int:
        """Fewest characters."""
        return PASSWORD_LENGTH.value()

    @min_length.setter
    def min_length(self, value: int) -> None:
        """Django's constructor sets its own."""
