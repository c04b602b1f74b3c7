"""What the tests must know of each kind of resource: one file a kind, with one `CASE` (see `case.py`).

The tables of tests/security, tests/recovery and tests/reconciliation take their rows from here.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.kinds.case import KindCase, Plant
from tests.recovery.crash.recipe import Recipe

_MODULES = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
CASES: tuple[KindCase, ...] = tuple(module.CASE for module in _MODULES if hasattr(module, "CASE"))

#: Verb with a handler → how it is requested. Kind that is reconciled → how something without a row comes to be there.
RECIPES: dict[str, Recipe] = {
    f"{case.kind}.{action}": each for case in CASES for action, each in case.recipes.items()
}
STRAYS: dict[str, Plant] = {case.kind: case.stray for case in CASES if case.stray is not None}
