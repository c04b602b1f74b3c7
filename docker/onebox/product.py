"""The control plane on top of the running infrastructure: its tables, demo data, host agents and processes."""

from __future__ import annotations

import sys
from pathlib import Path

from onebox import agent, environment, hosts, preflight, processes, venv
from onebox.instance import ROOT, Instance
from onebox.progress import Progress
from onebox.shell import run

CREDENTIALS = "credentials"
DEMO_VM_SECONDS = 120


def up(instance: Instance, progress: Progress) -> None:
    """Migrate, load the demo data, start every process and the hosts' agents, wait for the demo VM."""
    running = [
        process.name for process in processes.all_of(instance) if processes.pid(instance, process.name)
    ]
    if "web" not in running:
        preflight.check_web_ports(instance)
    with progress.step("database tables"):
        manage(instance, "migrate", "--noinput")
    with progress.step("static files"):
        manage(instance, "collectstatic", "--noinput")
    with progress.step("demo data"):
        manage(instance, "demo", "--agents", str(agents(instance)))
    with progress.step("web, worker, beat, console proxy"):
        start(instance)
    with progress.step("host agents"):
        enrol(instance)
    announce(instance, progress)
    with progress.step("demo virtual machine"):
        manage(instance, "demo", "--wait", str(DEMO_VM_SECONDS))


def manage(instance: Instance, *args: str) -> str:
    """Run a management command of the product with the instance's settings."""
    command = [str(venv.PYTHON), str(ROOT / "manage.py"), *args]
    return run(command, env=environment.for_process(instance), cwd=ROOT).stdout


def start(instance: Instance) -> None:
    """Start the processes that are not running."""
    for process in processes.all_of(instance):
        processes.start(instance, process)


def stop(instance: Instance) -> None:
    """Stop the processes, the one that takes orders first."""
    for process in reversed(processes.all_of(instance)):
        processes.stop(instance, process.name)


def agents(instance: Instance) -> Path:
    """Where ``manage.py demo`` leaves each enrolled host's agent settings, as HOST.toml."""
    directory = instance.var / "agents"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def enrol(instance: Instance) -> None:
    """Hand the hosts the settings their enrolment made."""
    for host in hosts.compute(instance):
        settings = agents(instance) / f"{host.name}.toml"
        if settings.exists():
            agent.configure(host, settings.read_text())


def announce(instance: Instance, progress: Progress) -> None:
    """Print where the pages are and who can log in; on a terminal only, since logs are kept and read by others."""
    progress.say(f"\n  http://{environment.web_address()}:{instance.web_port}/")
    credentials = instance.var / CREDENTIALS
    if credentials.exists():
        text = credentials.read_text() if sys.stdout.isatty() else f"log-ins: see {credentials}"
        progress.say("".join(f"  {line}\n" for line in text.splitlines()))
