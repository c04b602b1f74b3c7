"""What identifies somebody is compared exactly, after ASCII lower case only.

Unicode has letters that become ASCII ones when the case changes (U+017F, U+212A) or when text is normalised. Whoever
owns such a name or address must never be taken for somebody else.
"""

from __future__ import annotations

import string

from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Collate, Lower

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_lower(text: str) -> str:
    """Return the text with A to Z, and nothing else, in lower case."""
    return text.translate(_LOWER)


def column_in_ascii_lower(name: str) -> Combinable:
    """Return the same of a column: PostgreSQL's \"C\" collation knows ASCII letters only."""
    return Lower(Collate(F(name), "C"))
