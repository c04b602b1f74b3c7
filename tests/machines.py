"""How hypothesis plays its state machines here: always the same examples, so that a red build is red again.

`SCLOUD_MACHINES=20` plays twenty times as many, other ones each time, and shortens what fails.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

TIMES = int(os.environ.get("SCLOUD_MACHINES", "1"))


def play(machine: type[RuleBasedStateMachine], examples: int, steps: int = 30) -> None:
    """Play a machine `examples` times with up to `steps` steps each."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples * TIMES,
            stateful_step_count=steps,
            derandomize=TIMES == 1,
            phases=[Phase.generate] if TIMES == 1 else [Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
