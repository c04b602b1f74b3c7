"""Names of operating systems and where their makers publish images, from a TOML file. Nothing is fetched."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

DEFAULT = Path(__file__).with_suffix(".toml")
MOST_ENTRIES = 200


class CatalogueEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operating system. cloud_init: whether the images there support it. maintained: whether they get updates."""

    name: str
    os_family: Literal["linux", "windows"]
    url: str
    cloud_init: bool = True
    maintained: bool = True

    @property
    def site(self) -> str:
        """The name of the server, which is short enough for a phone."""
        return urlsplit(self.url).hostname or self.url


class _File(msgspec.Struct, forbid_unknown_fields=True):
    image: list[CatalogueEntry]


def catalogue() -> list[CatalogueEntry]:
    """Return the entries in the file's order. Raises ImproperlyConfigured."""
    return _read(settings.IMAGE_CATALOGUE or str(DEFAULT))


@cache
def _read(path: str) -> list[CatalogueEntry]:
    try:
        entries = msgspec.convert(tomllib.loads(Path(path).read_text()), _File).image
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ImproperlyConfigured(f"SCLOUD_IMAGE_CATALOGUE={path}: {error}") from error
    for entry in entries:
        if urlsplit(entry.url).scheme != "https":
            raise ImproperlyConfigured(f"SCLOUD_IMAGE_CATALOGUE={path}: {entry.name}: not an https address")
    return entries[:MOST_ENTRIES]
