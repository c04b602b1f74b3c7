"""How many minutes the tests may take, on 2 cores; `python -m tests.minutes` prints what they took beside it.

Nothing fails by its budget: machines differ. An area is a folder of tests/. Its minutes are those of one process, over
all parts; a part's are by the clock.
"""

from __future__ import annotations

#: The parts of `make test`. `hosts` and `beside` run at the same time.
PARTS = {"fast": 3.0, "hosts": 15.0, "beside": 15.0}

#: Of an area that has no row below.
NEW_AREA = 4.0

AREAS = {
    "agent": 1.0,
    "api": 0.5,
    "api_fuzz": 2.0,
    "audit": 0.2,
    "browser": 9.0,
    "compute": 3.0,
    "concurrency": 1.0,
    "console": 3.0,
    "drivers": 5.0,
    "infrastructure": 0.5,
    "lifecycle": 1.0,
    "metrics": 3.0,
    "network": 2.0,
    "onebox": 10.0,
    "pki": 0.5,
    "platform_settings": 0.1,
    "portal": 1.0,
    "quotas": 0.5,
    "reconciliation": 2.0,
    "recovery": 7.0,
    "security": 4.0,
    "storage": 5.0,
    "tenancy": 1.0,
    "tests": 0.2,  # files that stand in no folder
}
