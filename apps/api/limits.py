"""What a request of the API may hold at most: looked at before anything of it is understood (docs/limits.md).

Every number is several times what the largest real request needs: 200 rules are 60 kB and 1,600 values.
"""

from __future__ import annotations

#: Bytes of a body. Read from the front, so that what is larger is never in memory as a whole.
BODY_BYTES = 256 * 1024
#: Lists and objects inside one another.
DEPTH = 10
#: Names in one object.
MEMBERS = 200
#: Values in one list.
ITEMS = 500
#: Values in all, those inside lists and objects included.
VALUES = 5_000
#: Errors that an answer names; beyond these it only counts.
ERRORS = 50
#: Characters that an error repeats of what was sent.
QUOTED = 63

#: Of single fields.
INTEGER = 2**31 - 1
BIG_INTEGER = 2**63 - 1
#: IDs of what is counted: nine digits.
NUMBER_ID = 999_999_999
EMAIL = 254
PASSWORD = 512
SETTING = 4_096
PUBLIC_KEY = 16_384
ADDRESS = 45
WORD = 63
