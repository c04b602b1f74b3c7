"""What an image is imported from: an upload, a URL, or a file in the pool's import directory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import forbidden
from apps.accounts.models import Project
from apps.accounts.single_line import is_one_line
from apps.compute.models import Image
from apps.compute.verbs import IMAGE_IMPORT
from apps.drivers.specs.storage import IMPORTS
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.selectors import usable, visible_storage_clusters
from apps.infrastructure.space import ensure_accepts_disks
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.uploads.downloading import checked_url
from apps.uploads.models import Upload
from apps.uploads.platform_settings import IMAGE_SOURCES
from apps.uploads.services import expect_checksum, hold_for_import, note_import
from apps.uploads.sources import Sources

#: Importable files stand in this directory of the pool.
IMPORT_DIRECTORY = IMPORTS
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """What the operation is given, and the upload among it."""

    args: dict[str, Any]
    upload: Upload | None = field(default=None)

    def held_by(self, operation: Operation) -> None:
        """Keep the upload until the operation has ended."""
        if self.upload is not None:
            note_import(self.upload, operation)


def chosen_source(
    actor: Actor,
    cluster: StorageCluster,
    into: Project | None,
    *,
    file: str,
    upload: UUID | None,
    url: str,
    sha256: str,
) -> Source:
    """Return the one source that was named. Raises Invalid at its field, or Forbidden."""
    named = [name for name, value in (("file", file), ("upload", upload), ("url", url)) if value]
    if len(named) != 1:
        text = _("Choose one source: an upload or a URL.")
        raise Invalid({name: [text] for name in named or ["upload"]})
    if file:
        if actor.tenant is not None:
            raise forbidden(actor, IMAGE_IMPORT)
        return Source({"source": _in_pool(cluster, file)})
    if sha256 and not _SHA256.fullmatch(sha256.lower()):
        raise Invalid({"sha256": [_("64 hexadecimal digits.")]})
    if upload is not None:
        held = hold_for_import(actor, upload, into.tenant_id if into else None)
        expect_checksum(held, sha256)
        return Source({"upload": str(held.pk)}, held)
    ensure_allowed_url(url)
    return Source({"url": url, "sha256": sha256.lower()})


def source_again(actor: Actor, image: Image, args: dict[str, Any]) -> Source:
    """Return the source of an earlier import, if there still is one. Raises Invalid."""
    if "upload" in args:
        return Source(dict(args), hold_for_import(actor, UUID(args["upload"]), image.tenant_id))
    if "url" in args:
        ensure_allowed_url(args["url"])
    return Source(dict(args))


def ensure_allowed_url(url: str) -> None:
    """Raise Invalid unless the URL could be downloaded from; the worker judges again when it knows the address."""
    try:
        parts = checked_url(url)
    except ValueError as error:
        raise Invalid({"url": [_("Enter an http or https URL without user name and password.")]}) from error
    if not Sources.of(IMAGE_SOURCES.value()).may_be(parts.hostname or ""):
        raise Invalid(
            {"url": [_("Downloads from %(what)s are not allowed.") % {"what": parts.hostname}]},
            hint=_("Ask the administrator to allow this source."),
        )


def ensure_usable_cluster(actor: Actor, cluster: StorageCluster, into: Project | None) -> None:
    """Raise Invalid unless the image's tenant may use the storage cluster, and this takes disks."""
    one = visible_storage_clusters(actor).filter(pk=cluster.pk)
    if into is not None:
        one = usable(into.tenant_id, one)
    if not one.exists():
        raise Invalid({"cluster": [_("Storage cluster not found, or you have no access to it.")]})
    ensure_accepts_disks(cluster, "cluster")


def _in_pool(cluster: StorageCluster, file: str) -> str:
    """Return the file as hosts see it: a plain name inside the import directory."""
    if "/" in file or file.startswith(".") or not is_one_line(file):
        raise Invalid({"file": [_("File name in the pool’s import directory.")]})
    return f"{cluster.path.rstrip('/')}/{IMPORT_DIRECTORY}/{file}"
