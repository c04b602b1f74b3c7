"""Fetching an OVSDB server's schema within a time: ovsdbapp's own way waits for ever for a server that hangs."""

import os
import time
from typing import Any

from ovs import jsonrpc, poller, stream
from ovsdbapp.backend.ovs_idl import idlutils


def fetch(address: str, name: str, seconds: float) -> Any:
    """Return a schema helper of the database `name` at the first of the comma-separated addresses that answers.

    Raises TimeoutError when none does within `seconds` each.
    """
    said = ""
    for one in idlutils.parse_connection(address):
        try:
            return idlutils.create_schema_helper(_ask(one, name, time.monotonic() + seconds))
        except OSError as error:
            said = f"{one}: {error}"
    raise TimeoutError(said)


def _ask(address: str, name: str, give_up: float) -> Any:
    status, connected = stream.Stream.open_block(stream.Stream.open(address), _milliseconds_to(give_up))
    if status:
        raise OSError(status, os.strerror(status))
    link = jsonrpc.Connection(connected)
    try:
        link.send(jsonrpc.Message.create_request("get_schema", [name]))
        return _answer(link, give_up)
    finally:
        link.close()


def _answer(link: Any, give_up: float) -> Any:
    while time.monotonic() < give_up:
        link.run()
        _status, message = link.recv()
        if message is not None and message.type == jsonrpc.Message.T_REPLY:
            return message.result
        if link.get_status() or message is not None:
            raise ConnectionError("no schema came")
        waiting = poller.Poller()
        link.wait(waiting)
        link.recv_wait(waiting)
        waiting.timer_wait(_milliseconds_to(give_up))
        waiting.block()
    raise TimeoutError("no answer")


def _milliseconds_to(moment: float) -> int:
    return max(0, int(1000 * (moment - time.monotonic())))
