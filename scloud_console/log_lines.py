"""Lines of the log: what a message says is one, whoever's words are in it. A traceback follows in lines of its own."""

from __future__ import annotations

import logging

_ESCAPED = {
    code: repr(chr(code))[1:-1]
    for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000))
}


class OneLine(logging.Formatter):
    """Writes control characters, line breaks and halves of surrogate pairs of a message as Python would."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # the library's name
        """Return the line."""
        return super().formatMessage(record).translate(_ESCAPED)
