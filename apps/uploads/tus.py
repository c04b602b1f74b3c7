"""The server's side of tus 1.0 (https://tus.io/protocols/resumable-upload): core, creation, checksum, termination,
expiration.

A body is never longer than `MOST_PART_BYTES`, which is what the web process keeps in memory of any request; clients set
their chunk size to that. tus has no way to say so but the refusal (413).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from email.utils import format_datetime
from typing import IO, Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import forbidden, key_covers
from apps.accounts.rights import Rights
from apps.api.base import ApiView
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotFound, Refused
from apps.uploads import selectors, services
from apps.uploads.api import url_of_data
from apps.uploads.models import GIB, Upload
from apps.uploads.platform_settings import FILE_GIB, KEPT_HOURS
from apps.uploads.verbs import UPLOAD_CREATE

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,termination,expiration"
ALGORITHMS = ("sha256", "sha1")
CONTENT_TYPE = "application/offset+octet-stream"
#: Of `Upload-Metadata`, of which a name, a digest and a project are read.
LONGEST_METADATA = 4096
_NUMBER = re.compile(r"\d{1,19}")


class WrongVersion(Refused):
    """The client speaks another version of tus."""

    status = 412
    code = "upload.version"


class WrongChecksum(Refused):
    """The part is not what its checksum says: it is sent again."""

    status = 460
    code = "upload.checksum_mismatch"


class PartParser(BaseParser):
    """The bytes of one part as they are."""

    media_type = CONTENT_TYPE

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, bytes]:
        """Return what was sent. Raises RequestDataTooBig."""
        read = stream.read(services.MOST_PART_BYTES + 1)
        if len(read) > services.MOST_PART_BYTES:
            raise RequestDataTooBig
        return {"part": read}


class TusApi(ApiView):
    """What both paths share."""

    parser_classes = [PartParser]

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor: Actor = self.request.actor  # type: ignore[attr-defined]
        return actor

    def ensure_version(self) -> None:
        """Raise WrongVersion for other versions of the protocol, Invalid for another protocol."""
        given = self.request.headers.get("Tus-Resumable", "")
        text = _("The header Tus-Resumable must be %(version)s.") % {"version": VERSION}
        if not given:
            raise Invalid({"Tus-Resumable": [text]}, hint=_("Use a client for tus 1.0."))
        if given != VERSION:
            raise WrongVersion(text, hint=_("Use a client for tus 1.0."))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say the version with every answer."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Tus-Resumable"] = VERSION
        return answer

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """Say what this server can do."""
        return Response(
            status=204,
            headers={
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
                "Tus-Max-Size": str(FILE_GIB.value() * GIB),
            },
        )


@extend_schema(exclude=True)
class TusCreate(TusApi):
    """POST: start an upload."""

    def post(self, request: Request) -> Response:
        """Answer with the path of the new upload."""
        if not key_covers(self.actor, UPLOAD_CREATE) or not Rights(self.actor).may_somewhere(UPLOAD_CREATE):
            raise forbidden(self.actor, UPLOAD_CREATE)
        self.ensure_version()
        about = _metadata(request.headers.get("Upload-Metadata", ""))
        upload = services.start_upload(
            self.actor,
            size=_number(request, "Upload-Length"),
            name=about.get("filename", ""),
            sha256=about.get("sha256", ""),
            project=_project(about.get("project", "")),
        )
        return Response(status=201, headers={"Location": url_of_data(upload), **_state(upload)})


@extend_schema(exclude=True)
class TusOne(TusApi):
    """HEAD: how much has come. PATCH: the next part. DELETE: give up."""

    def head(self, request: Request, key: UUID) -> Response:
        """Say where to go on."""
        upload = self._found(key)
        return Response(
            headers={**_state(upload), "Upload-Length": str(upload.size), "Cache-Control": "no-store"}
        )

    def patch(self, request: Request, key: UUID) -> Response:
        """Take a part."""
        upload, offset = self._found(key), _number(request, "Upload-Offset")
        part = request.data
        data: bytes = part.get("part", b"") if isinstance(part, dict) else b""
        _check(data, request.headers.get("Upload-Checksum", ""))
        return Response(
            status=204, headers=_state(services.append(self.actor, upload, offset=offset, data=data))
        )

    def delete(self, request: Request, key: UUID) -> Response:
        """Remove the upload."""
        services.delete_upload(self.actor, self._found(key))
        return Response(status=204)

    def _found(self, key: UUID) -> Upload:
        upload = selectors.visible_uploads(self.actor).filter(pk=key).first()
        if upload is None:
            raise NotFound(
                _("This upload was not found."), hint=_("It has expired or was deleted. Start again.")
            )
        self.ensure_version()
        return upload


def _state(upload: Upload) -> dict[str, str]:
    expires = upload.expires_at(KEPT_HOURS.value())
    return {
        "Upload-Offset": str(upload.received),
        **({} if upload.is_complete else {"Upload-Expires": format_datetime(expires, usegmt=True)}),
    }


def _number(request: Request, header: str) -> int:
    given = request.headers.get(header, "")
    if not _NUMBER.fullmatch(given):
        raise Invalid({"size": [_("The header %(name)s must be a number.") % {"name": header}]})
    return int(given)


def _metadata(header: str) -> dict[str, str]:
    """Return the pairs of `Upload-Metadata`: names, each with a value in base64."""
    wrong = Invalid({"name": [_("The header Upload-Metadata is invalid.")]})
    if len(header) > LONGEST_METADATA:
        raise wrong
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _space, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise wrong from error
    return found


def _project(given: str) -> UUID | None:
    try:
        return UUID(given) if given else None
    except ValueError as error:
        raise Invalid({"project": [_("Project not found.")]}) from error


def _check(data: bytes, header: str) -> None:
    """Raise WrongChecksum unless the part is what `Upload-Checksum` says, if that is given."""
    if not header:
        return
    name, _space, value = header.partition(" ")
    try:
        wanted = base64.b64decode(value, validate=True)
    except binascii.Error:
        wanted = b""
    if name not in ALGORITHMS or not wanted:
        raise Invalid({"checksum": [_("Use sha256 or sha1, in base64.")]})
    if not hmac.compare_digest(hashlib.new(name, data, usedforsecurity=False).digest(), wanted):
        raise WrongChecksum(_("The data does not match its checksum."), hint=_("Send the same part again."))
