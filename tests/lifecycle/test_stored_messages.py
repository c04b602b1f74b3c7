"""What workers and hosts say is kept so that it can be read in any language."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.drivers.errors import DriverError
from apps.drivers.orders import Failure
from apps.lifecycle.stored_messages import (
    rendered_error,
    rendered_message,
    stored_error,
    stored_message,
)

pytestmark = pytest.mark.requirement("UX-10")


def test_a_step_is_kept_in_english_with_what_is_needed_to_say_it_otherwise() -> None:
    kept = stored_message("Starting on %(host)s", {"host": "host-1"})
    assert kept["text"] == "Starting on host-1"
    assert rendered_message(kept) == "Starting on host-1"


def test_a_hosts_error_is_read_in_the_readers_language() -> None:
    error = DriverError("Host %(host)s did not respond.", values={"host": "host-1"}, hint="Start the VM.")
    kept = stored_error(Failure.of(error).error())
    with translation.override("zh-hans"):
        shown = rendered_error(kept)
    assert "host-1" in shown["message"] and "did not respond" not in shown["message"]
    assert shown["hint"] and shown["hint"] != "Start the VM."


def test_a_percent_sign_in_a_sentence_without_values_is_just_that() -> None:
    assert rendered_message(stored_message("100% full")) == "100% full"
    assert DriverError("100% full").message == "100% full"


def test_an_unknown_sentence_is_shown_as_it_was_kept() -> None:
    with translation.override("zh-hans"):
        assert rendered_message({"text": "Said by an older version"}) == "Said by an older version"
        assert rendered_error({}) == {"code": "", "message": "", "hint": ""}
