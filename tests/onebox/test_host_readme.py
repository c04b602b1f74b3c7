"""docker/hosts/README.md tells administrators of servers the same as the hosts of `make run` are made of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from onebox import agent, host_config, host_firewall
from onebox.agent_layer import VENV
from onebox.hosts import Host
from onebox.instance import CENTRAL, Instance
from onebox.tree import HOSTS

README = (HOSTS / "README.md").read_text()
STEPS, CENTRAL_STEPS = README.split("\nOVN central on a machine of its own", 1)
#: Of pretend hosts only: their NICs, and their Open vSwitch, which may not lock its memory.
PRETEND_ONLY = {"/etc/systemd/system/onebox-nics.service", "/etc/default/openvswitch-switch"}
PRETEND_UNITS = {"onebox-nics"}
AGENT_UNIT = f"/etc/systemd/system/{agent.UNIT}"


def host(directory: Path, name: str) -> Host:
    return Host(Instance("test", directory, 90), name, 0 if name == CENTRAL else 1)


def written(found: Host) -> dict[str, int]:
    """The files that a host gets, with their modes."""
    host_config.write_files(found)
    files = [path for path in found.root.rglob("*") if path.is_file()]
    return {f"/{path.relative_to(found.root)}": path.stat().st_mode & 0o777 for path in files}


def table_of(text: str) -> dict[str, tuple[str, int]]:
    """The table in the text: which file goes where, and with which mode."""
    found = {}
    for names, places in re.findall(r"^ *\| (`.+`) \| (.+) \|$", text, re.MULTILINE):
        mode = int((re.search(r"mode (\d+)", places) or [0, "644"])[1], 8)
        for place in re.findall(r"`(/[^`]+)`", places):
            for name in re.findall(r"`([^`]+)`", names):
                found[f"{place}{name}" if place.endswith("/") else place] = (name, mode)
    return found


def units_of(text: str) -> set[str]:
    """The units that the text says to enable."""
    commands = re.findall(r"systemctl enable --now ([^`]+)`", text)
    return {unit.removesuffix(".service") for command in commands for unit in command.split()}


@pytest.mark.parametrize(("name", "text"), [("host-1", STEPS), (CENTRAL, CENTRAL_STEPS)])
def test_the_steps_have_every_file_at_its_place_with_its_mode(tmp_path: Path, name: str, text: str) -> None:
    table, files = table_of(text), written(host(tmp_path, name))
    for place in files.keys() - table.keys() - PRETEND_ONLY:
        assert place in text, f"no step writes {place}"
    assert {place: mode for place, (_, mode) in table.items() if place != AGENT_UNIT} == {
        place: mode for place, mode in files.items() if place in table
    }


@pytest.mark.parametrize(("name", "text"), [("host-1", STEPS), (CENTRAL, CENTRAL_STEPS)])
def test_the_table_names_the_file_that_is_written_there(tmp_path: Path, name: str, text: str) -> None:
    found = host(tmp_path, name)
    host_config.write_files(found)
    for place, (source, _) in table_of(text).items():
        if source != agent.UNIT:
            wanted = (HOSTS / source).read_text().replace("@MANAGEMENT_IP@", found.management_ip)
            wanted = wanted.replace("@GUEST_SECONDS@", host_config.GUEST_SECONDS)
            assert (found.root / place.lstrip("/")).read_text() == wanted, place


def test_every_file_of_the_directory_is_in_the_readme() -> None:
    for path in HOSTS.iterdir():
        if path.name not in {"README.md", "requirements-agent.in"}:
            assert path.name in README, path.name


def test_the_steps_start_every_unit() -> None:
    wanted = {*host_config.COMPUTE_UNITS, *host_firewall.UNITS, agent.UNIT}
    assert units_of(STEPS) == {unit.removesuffix(".service") for unit in wanted} - PRETEND_UNITS


def test_the_steps_install_the_agent() -> None:
    assert table_of(STEPS)[AGENT_UNIT] == (agent.UNIT, 0o644)
    for place in (agent.CONFIG, f"{VENV}/lib/apps"):
        assert f"/{place}" in STEPS
    for part in agent.PARTS:
        assert f"`{part}`" in STEPS


def test_the_steps_of_the_central_machine_start_every_unit() -> None:
    wanted = {*host_config.CENTRAL_UNITS, *host_firewall.UNITS}
    assert units_of(CENTRAL_STEPS) == {unit.removesuffix(".service") for unit in wanted} - PRETEND_UNITS
