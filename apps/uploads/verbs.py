"""What can be done to uploads."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.standard_verbs import create_verb
from apps.lifecycle.verbs import Verb, declare

# No operations: a row, and bytes that the request itself brings.
UPLOAD_CREATE = declare(replace(create_verb("upload", _("Upload file")), retried_by="", icon="send"))
UPLOAD_DELETE = declare(
    Verb(
        "upload.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        on_resource=False,
        destructive=True,
        icon="trash",
    )
)
