"""Text of one line, such as names and descriptions: which characters it may hold, and in which form it is stored.

What is refused forges lines of logs, breaks XML that a hypervisor reads, or shows as something else than it is. Quotes,
brackets, any script and emoji are kept: whoever passes them on has to quote them. Everything is stored in Unicode's
form C, so that one name is one text, however it was typed.
"""

from __future__ import annotations

import unicodedata

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid

#: Control characters, halves of surrogate pairs, line and paragraph separators.
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Formatting: invisible, or turns around what is read after it (UAX #9): "gpj.exe" is shown as "exe.jpg".
_FORMAT = "Cf"
#: Invisible, though their category does not say so: fillers and the combining grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
#: They join emoji, and shape letters of some scripts. Anywhere else they are invisible.
_JOINERS = frozenset("\u200c\u200d")
_JOINED = frozenset({"So", "Sk", "Mn", "Mc", "Lo"})


def composed(text: str) -> str:
    """Return the text in Unicode's form C (NFC)."""
    return unicodedata.normalize("NFC", text)


def clean_line(field: str, text: str, longest: int, *, blank: bool = True) -> str:
    """Return the text in form C without surrounding blanks. Raises Invalid at `field`."""
    text = composed(text.strip())
    if not blank and not any(unicodedata.category(letter)[0] not in "CZ" for letter in text):
        raise Invalid({field: [_("Enter a name.")]})
    if len(text) > longest:
        raise Invalid({field: [_("At most %(n)s characters.") % {"n": longest}]})
    check_line(field, text)
    return text


def check_line(field: str, text: str) -> None:
    """Raise Invalid at `field` for a character that may not be in a line, naming it where one cannot see it."""
    hidden = _hidden(text)
    if hidden:
        name = f"U+{ord(hidden):04X} {unicodedata.name(hidden, '')}".rstrip()
        raise Invalid({field: [_("Remove the invisible character %(name)s.") % {"name": name}]})
    if not is_one_line(text):
        raise Invalid({field: [_("No control characters or line breaks.")]})


def is_one_line(text: str) -> bool:
    """Whether it holds nothing that is refused."""
    return not _hidden(text) and not any(
        unicodedata.category(letter) in _REFUSED or _is_no_character(letter) for letter in text
    )


def _hidden(text: str) -> str:
    """Return the first invisible character; "" when there is none."""
    for place, letter in enumerate(text):
        if letter in _JOINERS:
            if not (_joins(text[max(place - 1, 0) : place]) and _joins(text[place + 1 : place + 2])):
                return letter
        elif letter in _BLANK or unicodedata.category(letter) == _FORMAT:
            return letter
    return ""


def _joins(neighbour: str) -> bool:
    return bool(neighbour) and unicodedata.category(neighbour) in _JOINED


def _is_no_character(letter: str) -> bool:
    """Whether Unicode promises never to assign it: U+FDD0 to U+FDEF, and the last two of every plane."""
    return ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF
