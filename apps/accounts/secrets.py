"""Encrypting the few secrets that must be read again (seal keys of hosts, console passwords)."""

from __future__ import annotations

from functools import cache

from cryptography.fernet import Fernet
from django.conf import settings


@cache
def _fernet() -> Fernet:
    return Fernet(settings.FIELD_KEY)


def seal(plain: str) -> str:
    """Return `plain` encrypted and authenticated with the installation's field key."""
    return _fernet().encrypt(plain.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed; cryptography.fernet.InvalidToken when it was not sealed by this installation."""
    return _fernet().decrypt(sealed.encode()).decode()
