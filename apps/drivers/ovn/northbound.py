"""One process's connection to the northbound database: a replica of the tables we use, and transactions on it.

Rows get the identifiers of what they stand for (ovsdb-server takes a row's UUID from its creator), so that finding one
is a dictionary look-up and making one twice is impossible, whoever races.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ovsdbapp import exceptions
from ovsdbapp.backend.ovs_idl import command, connection
from ovsdbapp.schema.ovn_northbound import impl_idl

from apps.drivers.bulkhead import Bulkhead
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric.declared import ovn_columns
from apps.drivers.ovn import schema

T = TypeVar("T")
SCHEMA = "OVN_Northbound"
AWAY = ("fabric.unreachable", "fabric.busy")
LAG_SECONDS = 0.5
"""How long another process's transaction may take to show up in our replica."""


class Replica(connection.OvsdbIdl):
    """The tables in memory, with the ports found by address."""

    def __init__(self, remote: str, helper: Any) -> None:
        super().__init__(remote, helper)
        self._by_address: dict[tuple[str, str], uuid.UUID] = {}

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        """Note the addresses of a port that came or changed; those it lost are found out at look-up."""
        if row._table.name == "Logical_Switch_Port" and event != "delete":
            for key in address_keys(row):
                self._by_address[key] = row.uuid

    def port_at(self, subnet_id: str, address: str) -> uuid.UUID | None:
        """Return the port of a subnet that has this IP or MAC address."""
        found = self._by_address.get((subnet_id, address))
        if found is None or found not in self.tables["Logical_Switch_Port"].rows:
            return None
        row = self.tables["Logical_Switch_Port"].rows[found]
        return found if (subnet_id, address) in address_keys(row) else None


def address_keys(port: Any) -> list[tuple[str, str]]:
    """Return (subnet, address) for each address of a switch port."""
    subnet = port.external_ids.get("scloud:subnet", "")
    return [(subnet, word) for text in port.addresses for word in text.split()]


class _Api(impl_idl.OvnNbApiIdlImpl):
    """ovsdbapp keeps one connection per class; this class keeps one per object."""

    def __init__(self, link: connection.Connection) -> None:
        self._link = link
        super().__init__(link, auto_index=False)

    @property
    def ovsdb_connection(self) -> connection.Connection:
        return self._link

    @ovsdb_connection.setter
    def ovsdb_connection(self, link: connection.Connection) -> None:
        self._link = link


class Work(command.BaseCommand):
    """A function that reads the replica and changes rows, as one command of a transaction.

    Nothing is changed after `give_up` (monotonic seconds): whoever asked for it has been told by then that it failed,
    and what was requested since must not be undone.
    """

    def __init__(self, api: Any, function: Callable[[Any, Any], Any], give_up: float) -> None:
        super().__init__(api)
        self._function = function
        self._give_up = give_up

    def run_idl(self, txn: Any) -> None:
        if time.monotonic() > self._give_up:
            raise RuntimeError("timed out in the queue")
        self.result = self._function(self.api.idl, txn)


class Northbound:
    """Connects on first use, once per process, from any thread; reconnects by itself. Times in seconds."""

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self._address = address
        self._timeout = timeout
        self._lock = threading.Lock()
        self._bulkhead = Bulkhead()
        self._api: _Api | None = None
        self._pid = 0

    def change(self, function: Callable[[Any, Any], T]) -> T:
        """Run `function(replica, transaction)` and commit what it changed; nothing is sent if it changed nothing.

        A `DriverError` that is not permanent is tried again for a moment: the replica may lag behind another process.
        """
        give_up = time.monotonic() + LAG_SECONDS
        while True:
            try:
                with self._bulkhead.place(self._busy):
                    return self._ask(function)
            except DriverError as error:
                if error.permanent or error.code in AWAY or time.monotonic() > give_up:
                    raise
            time.sleep(0.05)

    def read(self, function: Callable[[Any], T]) -> T:
        """Run `function(replica)` while nothing changes it."""
        api = self._connected()
        with api.ovsdb_connection.lock:
            return function(api.idl)

    def close(self) -> None:
        """End the connection and its thread."""
        with self._lock:
            if self._api is not None and self._pid == os.getpid():
                self._api.ovsdb_connection.stop(timeout=5)
            self._api = None

    def _ask(self, function: Callable[[Any, Any], T]) -> T:
        started = time.monotonic()
        try:
            result = self._commit(function)
        except DriverError as error:
            if error.code in AWAY:
                self._bulkhead.record_timeout(started)
            else:
                self._bulkhead.record_answer()
            raise
        self._bulkhead.record_answer()
        return result

    def _commit(self, function: Callable[[Any, Any], T]) -> T:
        api = self._connected()
        work = Work(api, function, time.monotonic() + self._timeout)
        try:
            with api.transaction(check_error=True, log_errors=False) as transaction:
                transaction.add(work)
        except DriverError:
            raise
        except exceptions.TimeoutException as error:
            raise self._unreachable() from error
        except RuntimeError as error:
            if "timed out" in str(error):
                raise self._unreachable() from error
            raise DriverError(
                _("The network rejected the request: %(error)s"),
                values={"error": error},
                code="fabric.refused",
            ) from error
        return cast("T", work.result)

    def _connected(self) -> _Api:
        with self._lock:
            if self._api is None or self._pid != os.getpid():
                self._api = self._connect()
                self._pid = os.getpid()
            return self._api

    def _connect(self) -> _Api:
        try:
            helper = schema.fetch(self._address, SCHEMA, self._timeout)
            for table, columns in ovn_columns().items():
                helper.register_columns(table, columns)
            return _Api(connection.Connection(Replica(self._address, helper), timeout=self._timeout))
        except (
            Exception
        ) as error:  # ovs and ovsdbapp raise half a dozen unrelated types, bare Exception among them
            raise self._unreachable() from error

    def _unreachable(self) -> DriverError:
        return DriverError(
            _("The OVN northbound database did not respond."),
            code="fabric.unreachable",
            hint=_("Check that OVN central is running and reachable."),
        )

    def _busy(self) -> DriverError:
        return DriverError(
            _("The OVN northbound database has not applied earlier changes."),
            code="fabric.busy",
            hint=_("The platform retries automatically. If this continues, check OVN central."),
        )
