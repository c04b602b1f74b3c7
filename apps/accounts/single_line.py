"""Text of one line, such as names and remarks: which characters it may hold.

What is refused forges lines of logs, breaks XML that a hypervisor reads, or shows as something else than it is. Quotes,
brackets, any script and emoji are kept as they are: whoever passes them on has to quote them.
"""

from __future__ import annotations

import unicodedata

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid

#: Control characters, halves of surrogate pairs, line and paragraph separators.
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: They turn around what is read after them (Unicode's UAX #9): "gpj.exe" is shown as "exe.jpg".
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_line(field: str, text: str, longest: int, *, blank: bool = True) -> str:
    """Return the text without surrounding blanks. Raises Invalid at `field`."""
    text = text.strip()
    if not blank and not any(unicodedata.category(letter)[0] not in "CZ" for letter in text):
        raise Invalid({field: [_("Give a name.")]})
    if len(text) > longest:
        raise Invalid({field: [_("At most %(n)s characters.") % {"n": longest}]})
    if not is_one_line(text):
        raise Invalid({field: [_("No control characters or line breaks.")]})
    return text


def is_one_line(text: str) -> bool:
    """Whether it holds nothing that is refused."""
    return not any(
        letter in _BIDIRECTIONAL or unicodedata.category(letter) in _REFUSED or _is_no_character(letter)
        for letter in text
    )


def _is_no_character(letter: str) -> bool:
    """Whether Unicode promises never to assign it: U+FDD0 to U+FDEF, and the last two of every plane."""
    return ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF
