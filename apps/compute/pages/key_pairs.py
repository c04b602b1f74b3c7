"""SSH keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute import selectors
from apps.compute.api.key_pairs import KeyPairApi
from apps.compute.filters import KeyPairFilter
from apps.compute.forms import KeyPairForm
from apps.compute.models import KeyPair, Vm
from apps.compute.services.key_pair import NewKeyPair, create_key_pair
from apps.compute.verbs import KEY_PAIR_CREATE, KEY_PAIR_DELETE, KEY_PAIR_RENAME
from apps.portal import html
from apps.portal.columns import CREATED, DESCRIPTION, ID, NAME, PROJECT, Column
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property
from apps.portal.facets import project_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage


def _goes(key_pair: KeyPair) -> list[str]:
    return [
        _("Public key %(name)s is deleted from the console.") % {"name": key_pair.name},
        _("VMs that use the key keep it until you remove it inside the guest."),
    ]


KEY_PAIR = PageKind(
    "key_pair",
    "key-pairs",
    one=gettext_lazy("SSH key"),
    many=gettext_lazy("SSH keys"),
    icon="key",
    help="ssh-access#ssh-keys",
    visible=selectors.visible_key_pairs,
    create=KEY_PAIR_CREATE,
    actions=(Do(KEY_PAIR_RENAME, form=LabelsForm), Do(KEY_PAIR_DELETE, says=_goes)),
)


class KeyPairList(ListPage):
    of = KEY_PAIR
    columns = (
        NAME,
        Column("algorithm", gettext_lazy("Kind"), lambda row, page: row.algorithm, sort="algorithm"),
        Column(
            "fingerprint",
            gettext_lazy("Fingerprint"),
            lambda row, page: html.copyable(row.fingerprint),
            sort="fingerprint",
            width="code",
            text=lambda row, page: row.fingerprint,
        ),
        PROJECT,
        CREATED,
        ID,
        DESCRIPTION,
    )
    filter = KeyPairFilter
    facets = (project_facet,)
    empty = Empty(
        gettext_lazy("No SSH keys yet"),
        gettext_lazy("Add your public key or generate a key pair to log in to VMs."),
    )


class KeyPairDetail(DetailPage):
    of = KEY_PAIR
    tabs = (OVERVIEW, ACTIVITY)

    def properties(self, row: KeyPair) -> Sequence[Properties]:
        """The public half."""
        return [
            Properties(
                _("Public key"),
                [
                    Property(_("Kind"), row.algorithm),
                    Property(_("Fingerprint"), row.fingerprint, copy=True),
                    Property(_("Public key"), row.public_key, copy=True),
                ],
            )
        ]

    def used_by(self, row: KeyPair) -> Sequence[Related]:
        """Machines that were given it. They keep it when it goes here."""
        given = Vm.objects.filter(tenant=row.tenant, ssh_keys__contains=[row.public_key])
        return [Related("vm", given)]


class KeyPairCreate(CreatePage):
    of = KEY_PAIR
    form = KeyPairForm
    api = KeyPairApi

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The project by its id."""
        return {**data, "project": data["project"].uid} if data.get("project") else data

    def submit(self, data: dict[str, Any]) -> NewKeyPair:
        """Make or import it."""
        project = data.pop("project")
        return create_key_pair(self.actor, project=project.uid, **data)

    def finish(self, outcome: Any) -> HttpResponse:
        """Show a private key that was made, once."""
        if not outcome.private_key:
            return super().finish(outcome.key_pair)
        context = {
            "title": _("Private key of %(name)s") % {"name": outcome.key_pair.name},
            "key_pair": outcome.key_pair,
            "private_key": outcome.private_key,
            "file": f"{slugify(outcome.key_pair.name) or 'key'}.pem",
            "next": KEY_PAIR.url(self.area, "list"),
        }
        response = self.show(context, "compute/key_pair_made.html")
        response["Cache-Control"] = "no-store"
        return response
