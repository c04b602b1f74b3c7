"""Which passwords people may choose, besides Django's rules (a list of common ones, likeness to one's own names)."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator, MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.accounts.platform_settings import PASSWORD_LENGTH

#: Fewer different characters than this are a pattern, however long.
LEAST_DIFFERENT = 5
#: Of the steps from one character to the next, how many may be those of a sequence.
MOST_SEQUENCE = 0.6
#: Longest password. It bounds the work, and more protects nobody better.
LONGEST = 128
#: A common password of so many characters is one whatever stands around it; a shorter one, if little does.
LONG_WORD = 8
MOST_ADDED = 8
#: Letters that must stand beside one's own name.
LEAST_OTHER = 5
#: Letters by digits and signs that people write for them.
_LEET = str.maketrans("01345789@$!", "oieastbgasi")
_ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertzuiop",
    "azertyuiop",
)
_STEPS = {pair for row in _ROWS for each in (row, row[::-1]) for pair in pairwise(each)}
#: Words of this product, which a guesser tries first.
_OF_THE_PLACE = ("scloudstack", "scloud", "console")


class PasswordLengthValidator(MinimumLengthValidator):
    """Django's, with the length that is set now."""

    @property
    def min_length(self) -> int:
        """Fewest characters."""
        return PASSWORD_LENGTH.value()

    @min_length.setter
    def min_length(self, value: int) -> None:
        """Django's constructor sets its own."""


class PatternValidator:
    """Refuses repetitions, sequences, and common passwords that are only decorated, doubled or spelt with digits."""

    def __init__(self, longest_added: int = MOST_ADDED) -> None:
        self._common = _common()
        self._longest_added = longest_added

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError with the reason."""
        if len(password) > LONGEST:
            raise ValidationError(_("At most %(n)d characters.") % {"n": LONGEST}, code="too_long")
        text = password.lower()
        if len(set(text)) < LEAST_DIFFERENT:
            raise ValidationError(
                _("Use at least %(n)d different characters.") % {"n": LEAST_DIFFERENT}, code="repetition"
            )
        if _is_sequence(text):
            raise ValidationError(
                _("The password is mostly a sequence, such as 12345 or qwerty."), code="sequence"
            )
        if any(core in self._common and self._is_most(core, text) for core in _cores(text)):
            raise ValidationError(
                _("The password is too similar to a common password. Add more words."),
                code="common_core",
            )
        if word := _mostly_a_name(text, user):
            raise ValidationError(
                _("The password is too similar to “%(word)s”. Add more words.") % {"word": word},
                code="own_name",
            )

    def _is_most(self, core: str, text: str) -> bool:
        return len(core) >= LONG_WORD or len(text) - len(core) < self._longest_added

    def get_help_text(self) -> str:
        """Say the rule."""
        return _("No repeated characters, sequences or common passwords.")


@cache
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def _is_sequence(text: str) -> bool:
    steps = list(pairwise(text))
    known = sum(pair in _STEPS or pair[0] == pair[1] for pair in steps)
    return bool(steps) and known / len(steps) > MOST_SEQUENCE


def _cores(text: str) -> set[str]:
    """Return what is left without decoration: repetition, digits and signs around, digits written for letters."""
    unit = re.sub(r"^(.+?)\1+$", r"\1", text)
    found = set()
    for each in (text, unit):
        bare = re.sub(r"^[^a-z]+|[^a-z]+$", "", each)
        spelt = each.translate(_LEET)
        found |= {bare, spelt, re.sub(r"^[^a-z]+|[^a-z]+$", "", spelt), bare.translate(_LEET)}
        found.add(re.sub(r"[^a-z0-9]", "", each))
    return found | {unit}


def _mostly_a_name(text: str, user: Any) -> str:
    tenant = getattr(user, "tenant", None)
    names = [getattr(user, "username", ""), getattr(tenant, "name", ""), *_OF_THE_PLACE]
    for name in names:
        word = (name or "").lower()
        if len(word) >= 3 and word in text and sum(c.isalpha() for c in text.replace(word, "")) < LEAST_OTHER:
            return str(name)
    return ""
