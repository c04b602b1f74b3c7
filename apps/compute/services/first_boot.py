"""Checking what a guest gets at its first boot: host name and password. User data: `user_data.py`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from passlib.hash import sha512_crypt

from apps.accounts.password_rules import PatternValidator
from apps.accounts.secrets import seal
from apps.compute.models import Image

#: Linux takes up to 64 characters, DNS 63 for one label; one letter is no name. Windows (NetBIOS) takes 15.
LONGEST_HOSTNAME = {Image.Family.LINUX: 63, Image.Family.WINDOWS: 15}
SHORTEST_HOSTNAME = 2
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
#: Fields of a new VM that reach the guest by cloud-init.
FIELDS = ("password", "key_pairs", "hostname", "user_data")
PASSWORD_LENGTHS = (8, 64)
#: crypt(3)'s default; the guest checks it at every login.
_ROUNDS = 5000


def hostnames_of(name: str, family: str, count: int) -> list[str]:
    """Return host names made from a VM's name for `count` VMs, numbered when there are several.

    Accents are dropped, what is no letter or digit becomes a hyphen. Each passes `hostname_errors`.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    made = re.sub(r"[^A-Za-z0-9]+", "-", plain).lower()
    longest = LONGEST_HOSTNAME[Image.Family(family)]
    ends = [""] if count == 1 else [f"-{number}" for number in range(1, count + 1)]
    return [_fitting(made, longest - len(end)) + end for end in ends]


def _fitting(made: str, room: int) -> str:
    """Return what of a name fits: the number behind it is never cut off."""
    cut = made[:room].strip("-")
    if len(cut) < SHORTEST_HOSTNAME or cut.isdigit():
        cut = f"vm-{cut}"[:room].strip("-")
    return cut


def hostname_errors(hostname: str, family: str) -> list[str]:
    """Return what is wrong with a host name."""
    longest = LONGEST_HOSTNAME[Image.Family(family)]
    if not SHORTEST_HOSTNAME <= len(hostname) <= longest:
        return [_("2 to %(most)s characters.") % {"most": longest}]
    if not _HOSTNAME.fullmatch(hostname) or hostname.isdigit():
        return [_("Letters, digits and hyphens. No hyphen at the start or end. Not only digits.")]
    return []


def password_errors(password: str) -> list[str]:
    """Return what is wrong with a guest's password."""
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        return [_("%(least)s to %(most)s characters.") % {"least": shortest, "most": longest}]
    if not password.isascii() or not password.isprintable():
        return [_("ASCII letters, digits and punctuation only. Consoles cannot type other characters.")]
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    if sum(bool(re.search(kind, password)) for kind in kinds) < 3:
        return [_("At least three of: lowercase letters, uppercase letters, digits, punctuation.")]
    try:
        # A guest asks for its password in its own networks only: little added to a common one is enough here.
        PatternValidator(longest_added=4).validate(password)
    except ValidationError as error:
        return list(error.messages)
    return []


def unread_errors(image: Image, given: Iterable[str]) -> dict[str, list[str]]:
    """Return what of the first-boot data given, by field, the image's guest would never read."""
    if not image.cloud_init:
        reason = _("This image does not support cloud-init. Leave the field empty.")
        return {name: [reason] for name in given}
    if image.os_family == Image.Family.WINDOWS and "password" in given:
        # cloudbase-init takes a password in clear text only, of which the platform keeps none; its NoCloud service
        # reads none from meta-data, and no vendor-data.
        return {"password": [_("Not for Windows images. Set a user with a password in the user data.")]}
    return {}


def sealed_hash(password: str) -> str:
    """Return the crypt(3) hash of a password (SHA-512), sealed; "" for no password."""
    return seal(sha512_crypt.using(rounds=_ROUNDS).hash(password)) if password else ""


def sealed_user_data(user_data: str) -> str:
    """Return user data sealed; "" for none."""
    return seal(user_data) if user_data else ""
