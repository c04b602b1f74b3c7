"""The environment that all other settings read, and the keys in it."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]


def flag(name: str) -> bool:
    """Whether a variable of the environment is set to yes."""
    return os.environ.get(name, "") in {"1", "true", "yes"}


def _load_environment_file() -> None:
    """Read KEY=VALUE lines of SCLOUD_ENV, so that manage.py works by hand; the real environment wins."""
    path = Path(os.environ.get("SCLOUD_ENV", BASE_DIR / "var" / "run" / "env"))
    if not path.is_file() or flag("SCLOUD_NO_ENV_FILE"):
        return
    for line in path.read_text().splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


_load_environment_file()

DEBUG = flag("SCLOUD_DEBUG")
SECRET_KEY = os.environ.get("SCLOUD_SECRET_KEY", "")
FIELD_KEY = os.environ.get("SCLOUD_FIELD_KEY", "")
for _name in ("SCLOUD_SECRET_KEY", "SCLOUD_FIELD_KEY", "DATABASE_URL", "REDIS_URL"):
    if "change-me" in os.environ.get(_name, ""):  # as in docker/env.example
        raise ImproperlyConfigured(
            f"{_name} holds the example's secret. Set a random one: openssl rand -hex 32"
        )
HTTPS = flag("SCLOUD_HTTPS")
