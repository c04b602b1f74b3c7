"""What the page says for each way a console can end."""

from __future__ import annotations

import pytest

from apps.console.close_codes import EndReason
from apps.console.close_messages import messages


@pytest.mark.requirement("VN-1")
def test_every_way_to_end_has_words_of_its_own_and_a_code_browsers_pass_on() -> None:
    said = messages()
    ends = [end for end in EndReason if end is not EndReason.CLOSED]
    titles = [said[str(end.code)]["title"] for end in ends]
    assert len(set(titles)) == len(ends)
    assert all(said[str(end.code)]["hint"] for end in ends)
    for end in ends:
        assert 4000 <= end.code < 5000
        assert len(end.reason.encode()) <= 123
