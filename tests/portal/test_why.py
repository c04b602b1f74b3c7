"""The cause of a state, as its popover draws it."""

from __future__ import annotations

import pytest

from apps.lifecycle.state_labels import StateLabel
from apps.portal.why import Why, with_why

FAILED = StateLabel("Failed", "error", code="error")


@pytest.mark.requirement("UX-13")
def test_the_code_and_the_task_of_a_cause_are_elements_and_texts_are_escaped() -> None:
    shown = with_why(FAILED, "1", Why("a <b> cause", code="host.unreachable", url="/operations/1/"))
    assert "<code>host.unreachable</code> · <a" in shown
    assert "a &lt;b&gt; cause" in shown


def test_a_code_alone_is_an_element_too() -> None:
    assert '<p class="why-foot"><code>vm.failed</code></p>' in with_why(
        FAILED, "1", Why("x", code="vm.failed")
    )
