"""Connections to Ceph that a host keeps, to ask a pool whether it answers. No cluster is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rados

from apps.drivers.rbd.client import RbdClient
from apps.drivers.specs import PoolKey, PoolSpec
from apps.drivers.tools import Finished
from tests.drivers.contracts.fabric import refused

pytestmark = pytest.mark.requirement("OP-4")

POOL = PoolSpec("7", "rbd", "volumes", ("192.0.2.9:3300",), "scloud")
KEY = PoolKey("7", "scloud", "c2VjcmV0")


class FakeRados:
    """A connection that answers until its cluster is gone."""

    made: list[FakeRados] = []
    gone = False

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.made.append(self)

    def connect(self) -> None:
        self.stat("")

    def open_ioctx(self, _pool: str) -> FakeRados:
        return self

    def __enter__(self) -> FakeRados:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stat(self, _name: str) -> None:
        if self.gone:
            raise rados.TimedOut("late")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tools that ran; all succeed."""
    ran: list[str] = []

    def run(_client: RbdClient, tool: str, *_: object) -> Finished:
        ran.append(tool)
        return Finished(0, "", "")

    monkeypatch.setattr(RbdClient, "_run", run)
    monkeypatch.setattr(rados, "Rados", FakeRados)
    monkeypatch.setattr(FakeRados, "made", [])
    return ran


@pytest.fixture
def client(tmp_path: Path) -> RbdClient:
    made = RbdClient(tmp_path)
    made.keep_key(KEY)
    return made


def test_a_pool_is_asked_over_one_connection_and_by_no_tool(client: RbdClient, tools: list[str]) -> None:
    for _ in range(3):
        client.need_answer(POOL)
    assert (len(FakeRados.made), tools) == (1, [])
    settings = FakeRados.made[0].settings["conf"]
    assert (settings["key"], settings["mon_host"]) == (KEY.key, POOL.monitors[0])


def test_where_a_kept_connection_does_not_answer_a_tool_finds_out_why_and_the_next_is_a_new_one(
    client: RbdClient, tools: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.need_answer(POOL)
    monkeypatch.setattr(FakeRados, "gone", True)
    client.need_answer(POOL)
    assert tools == ["rados"]
    monkeypatch.setattr(FakeRados, "gone", False)
    client.need_answer(POOL)
    assert (len(FakeRados.made), tools) == (2, ["rados"])


def test_another_key_or_none_is_another_connection_or_none(client: RbdClient, tools: list[str]) -> None:
    client.need_answer(POOL)
    client.keep_key(PoolKey("7", "scloud", "bmV3"))
    client.need_answer(POOL)
    assert [each.settings["conf"]["key"] for each in FakeRados.made] == [KEY.key, "bmV3"]
    client.forget_key("7")
    with refused("volumes.key_missing"):
        client.need_answer(POOL)
