"""Reading user data: whatever way the text came, what is kept is text with LF line ends that a guest understands.

What a guest cannot read is refused here, where somebody sees it: in the guest it would only be a line in a log.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.models import Image
from apps.compute.services.cloud_config import cloud_config_error, mime_error, top_level_keys
from apps.lifecycle.errors import Invalid

#: Bytes. Far above what cloud-init configurations are, far below what a seed image or an order could not carry.
MOST_USER_DATA = 64 * 1024
#: Characters: as base64, or with CRLF line ends, the same text is longer.
MOST_ENCODED = 2 * MOST_USER_DATA
_GZIP, _GZIP_WINDOW = b"\x1f\x8b", 31
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_JINJA = re.compile(r"##\s*template:\s*jinja[^\n]*(\n|$)", re.IGNORECASE)
#: As cloud-init knows them (user_data.py: INCLUSION_TYPES_MAP); case does not matter.
_CLOUD_INIT = ("#cloud-config", "#cloud-boothook", "#include", "#part-handler")
_ARCHIVE, _PATCH = "#cloud-config-archive", "#cloud-config-jsonp"
#: As cloudbase-init knows them beside those.
_CLOUDBASE_INIT = ("rem cmd", "#ps1", "<powershell>", "<script>")
_BATCH = "rem cmd"
_MIME, _MIME_WITHIN = "mime-version:", 4096
#: Each part keeps what it has matched: with backtracking, a long run of blanks would take seconds.
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{16,}+={0,2}+\s*+")


class UserDataEncoding(models.TextChoices):
    PLAIN = "plain", gettext_lazy("Plain text")
    BASE64 = "base64", gettext_lazy("Base64 (of text or gzip)")


def read_user_data(sent: str, encoding: str = UserDataEncoding.PLAIN, family: str | None = None) -> str:
    """Return user data as the guest gets it, "" for none. Raises Invalid.

    `family` is that of the image; None when none was chosen yet.
    """
    if not sent.strip():
        return ""
    text = _decoded(sent) if encoding == UserDataEncoding.BASE64 else sent
    text = normalised(text)
    if len(text.encode()) > MOST_USER_DATA:
        raise _bad(_("At most 64 KiB of text."))
    if "\0" in text:
        raise _bad(_("Text only. For gzip, choose the encoding base64."))
    _ensure_understood(text, family)
    # Batch files with LF alone lose their labels.
    return text.replace("\n", "\r\n") if text.lower().startswith(_BATCH) else text


def sets_hostname(text: str) -> bool:
    """Return whether user data from `read_user_data` is a #cloud-config that sets the host name."""
    if not text.lstrip().lower().startswith("#cloud-config\n"):
        return False
    return not top_level_keys(text).isdisjoint({"hostname", "fqdn"})


def normalised(text: str) -> str:
    """Return text as it goes into a file: LF line ends, no byte-order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decoded(sent: str) -> str:
    try:
        raw = base64.b64decode("".join(sent.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(_("This is not base64.")) from error
    if raw.startswith(_GZIP):
        raw = _unpacked(raw)
    if raw.startswith(_UTF16):
        raise _bad(_("This is UTF-16 text. Save the file as UTF-8."))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _bad(_("The decoded data is neither UTF-8 text nor gzip-compressed UTF-8 text.")) from error


def _unpacked(raw: bytes) -> bytes:
    reader = zlib.decompressobj(_GZIP_WINDOW)
    try:
        # A few bytes more than the limit may turn out to be line ends.
        found = reader.decompress(raw, MOST_ENCODED + 1)
    except zlib.error as error:
        raise _bad(_("The gzip data is damaged.")) from error
    if len(found) > MOST_ENCODED:
        raise _bad(_("At most 64 KiB of text."))
    if not reader.eof or reader.unused_data:
        raise _bad(_("The gzip data is damaged."))
    return found


def _ensure_understood(text: str, family: str | None) -> None:
    body = text.lstrip()
    jinja = _JINJA.match(body)
    if jinja:
        body = body[jinja.end() :].lstrip()
    head = body[:_MIME_WITHIN].lower()
    if _MIME in head:
        return _refuse_if(mime_error(text))
    if head.startswith("#!"):
        # The guest's kernel reads this from the first byte on.
        return _refuse_if(
            "" if jinja or text.startswith("#!") else _("User data with #! must start with these characters.")
        )
    if head.startswith(_PATCH):
        return None
    if head.startswith("#cloud-config"):
        # A template is YAML only once the guest has filled it in.
        return _refuse_if("" if jinja else cloud_config_error(text, archive=head.startswith(_ARCHIVE)))
    known = _CLOUD_INIT if family == Image.Family.LINUX else (*_CLOUD_INIT, *_CLOUDBASE_INIT)
    if head.startswith(known):
        return None
    raise _bad(_unknown(text))


def _refuse_if(message: str) -> None:
    if message:
        raise _bad(message)


def _unknown(text: str) -> str:
    said = _(
        "The first line tells the guest how to read user data. Start with #!, #cloud-config, #cloud-boothook, "
        "#include, #part-handler, ## template: jinja or a MIME header."
    )
    if _BASE64.fullmatch(text):
        return said + " " + _("If this is base64, choose the encoding base64.")
    return said


def _bad(message: str) -> Invalid:
    return Invalid({"user_data": [message]})
