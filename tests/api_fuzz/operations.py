"""The documented operations, and strategies that make requests of them."""

from __future__ import annotations

import os
from copy import deepcopy
from functools import cache
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from tests import openapi

METHODS = ("get", "post", "put", "patch", "delete")

#: How many requests of each operation; many for a long run, which also leaves the beaten track.
EXAMPLES = int(os.environ.get("SCLOUD_FUZZ_EXAMPLES", "0"))


def few(number: int) -> settings:
    """Return settings for so many examples: the same ones each time, or in a long run many different ones."""
    return settings(
        max_examples=EXAMPLES or number,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=bool(EXAMPLES),
        report_multiple_bugs=False,
    )


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document as it is committed."""
    return deepcopy(openapi.committed())


def all_operations() -> list[tuple[str, str]]:
    """Return path and method of every operation."""
    return [
        (path, method.upper())
        for path, there in document()["paths"].items()
        for method in there
        if method in METHODS
    ]


@cache
def schema() -> Any:
    """Return the document as schemathesis reads it."""
    return schemathesis.openapi.from_dict(document())


def cases(path: str, method: str, **fixed: Any) -> st.SearchStrategy[Case]:
    """Make requests of an operation, as documented and not."""
    operation = schema()[path][method]
    return st.one_of(*(operation.as_strategy(generation_mode=mode, **fixed) for mode in GenerationMode))
