"""SE-9: passwords of guests that anybody would guess are refused."""

from __future__ import annotations

import pytest

from apps.compute.services.first_boot import password_errors


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("weak", ["Password1234!", "P@ssw0rd", "Qwerty12345!", "Aa1!Aa1!Aa1!", "Scloud-2026"])
def test_a_guests_password_is_not_a_common_one(weak: str) -> None:
    assert password_errors(weak)


@pytest.mark.parametrize("good", ["Secret-pass-1", "Correct-Horse-1", "tVq8-Lm2x-Rz"])
def test_one_of_its_own_is_taken(good: str) -> None:
    assert not password_errors(good)
