"""The control plane's end of the hosts' queues, without a broker."""

from __future__ import annotations

import time

import pytest
from onebox.shell import patience

from apps.agent.order_queue import OrderQueue
from apps.drivers.errors import DriverError


@pytest.mark.requirement("OP-1")
def test_an_order_that_no_broker_takes_is_tried_again_later_and_holds_nobody_up() -> None:
    started = time.monotonic()
    with pytest.raises(DriverError) as caught:
        OrderQueue("redis://127.0.0.1:1/0")("h1", "sealed", 30)
    assert (caught.value.code, caught.value.permanent) == ("broker.unreachable", False)
    assert time.monotonic() - started < patience(2)
