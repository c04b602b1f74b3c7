"""Take a host in from the command line, where the settings file can go straight to the host."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from apps.infrastructure.enrolment import enroll_host
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused


class Command(BaseCommand):
    help = "Enrol a host and print the settings file for its agent (/etc/scloud/agent.toml)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the host's own hostname")
        parser.add_argument("--cluster", required=True, help="ID or name of the compute cluster")
        parser.add_argument("--address", required=True, help="IP address on the management network")
        parser.add_argument(
            "--output", type=Path, help="write the file to this path (mode 600) instead of standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["cluster"]
        by_id = Q(pk=int(wanted)) if wanted.isdigit() else Q()
        cluster = ComputeCluster.objects.filter(Q(name=wanted) | by_id if by_id else Q(name=wanted)).first()
        if cluster is None:
            raise CommandError(f"Compute cluster {wanted} not found.")
        try:
            enrolment = enroll_host(SYSTEM, cluster, options["name"], options["address"])
        except Refused as error:
            raise CommandError(error.message) from error
        write_config(options["output"], enrolment.agent_toml)


def write_config(path: Path | None, text: str) -> None:
    """Write an agent's settings where only the owner can read them, or to the screen."""
    if path is None:
        print(text, end="")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
