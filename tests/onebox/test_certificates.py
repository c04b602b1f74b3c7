"""Who is admitted by which listener: every certificate there is, tried on every listener that speaks TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pki.plan import Pki

from tests.certificates import Listener, holders, listeners, screens
from tests.onebox_fixtures import Onebox
from tests.tls_probe import admits

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-7")]


@pytest.fixture(scope="module")
def every_listener(onebox: Onebox) -> Iterator[dict[str, Listener]]:
    with screens(onebox.hosts) as ports:
        yield listeners(onebox.instance, ports)


def test_every_listener_admits_the_certificates_of_its_purpose_and_no_others(
    onebox: Onebox, every_listener: dict[str, Listener]
) -> None:
    pairs = holders(onebox.instance)
    found = {
        name: {
            holder
            for holder, pair in pairs.items()
            if admits(listener.kind, listener.address, listener.port, pair)
        }
        for name, listener in every_listener.items()
    }
    assert found == {name: set(listener.admitted) for name, listener in every_listener.items()}


def test_no_listener_admits_those_without_a_certificate(every_listener: dict[str, Listener]) -> None:
    assert [n for n, each in every_listener.items() if admits(each.kind, each.address, each.port)] == []


def test_no_listener_speaks_without_tls(every_listener: dict[str, Listener]) -> None:
    plain = [
        name
        for name, each in every_listener.items()
        if admits(f"{each.kind} plain", each.address, 16509 if each.kind == "libvirt" else each.port)
    ]
    assert plain == []


def test_no_listener_admits_a_certificate_with_the_right_name_of_a_strangers_authority(
    every_listener: dict[str, Listener], tmp_path: Path
) -> None:
    stranger = Pki(tmp_path)
    stranger.ensure_control(["127.0.0.1"], ["127.0.0.1"])
    for name in ("host-1", "host-2"):
        stranger.ensure_host(name, "127.0.0.1")
    wrong = []
    for name, each in every_listener.items():
        for holder in each.admitted:
            pair = (str(tmp_path / f"{holder}.pem"), str(tmp_path / f"{holder}.key"))
            if admits(each.kind, each.address, each.port, pair):
                wrong.append((name, holder))
    assert wrong == []
