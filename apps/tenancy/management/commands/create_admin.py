"""Make a platform admin by hand: the first one of an installation, or one for when all others are locked out.

Asks for name and password; without a terminal it reads them, a line each, from standard input. Never from arguments,
which every process on the machine can read.
"""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Invalid
from apps.tenancy.services.admins import create_admin


class Command(BaseCommand):
    help = "Create a platform administrator; prompts for name and password."

    def handle(self, *args: Any, **options: Any) -> None:
        username, password = self._asked() if sys.stdin.isatty() else self._piped()
        try:
            user, _password = create_admin(SYSTEM, username, password=password, must_change_password=False)
        except Invalid as error:
            raise CommandError(
                "; ".join(text for texts in error.fields.values() for text in texts)
            ) from error
        self.stdout.write(f"created administrator {user.username}")

    def _asked(self) -> tuple[str, str]:
        username = input("User name: ")
        password = getpass("Password: ")
        if getpass("Password again: ") != password:
            raise CommandError("The passwords do not match.")
        return username, self._given(password)

    def _piped(self) -> tuple[str, str]:
        lines = [*sys.stdin.read().splitlines(), "", ""]
        return lines[0], self._given(lines[1])

    def _given(self, password: str) -> str:
        if not password:
            raise CommandError("Enter a password.")
        return password
