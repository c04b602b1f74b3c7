"""The settings page of the administration."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.recent_proof import NotRecent
from apps.lifecycle.errors import Refused
from apps.platform_settings.catalogue import all_settings
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.settings_pages.selectors import visible_settings
from apps.settings_pages.services import change_settings


class SettingsForm(BaseForm):
    """One field for each setting."""

    def prepare(self) -> None:
        """Add the fields, with the unit in the label."""
        for setting in all_settings():
            field = setting.form_field()
            if setting.unit:
                field.label = f"{setting.label} ({setting.unit})"
            field.help_text = str(setting.help)
            self.fields[setting.name] = field


class SettingsPage(Page):
    template_name = "platform_settings/settings.html"
    title = gettext_lazy("Settings")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show every setting with its default and who changed it."""
        shown = visible_settings(self.actor)
        form = SettingsForm(actor=self.actor, initial={each.setting.name: each.value for each in shown})
        return self._draw(form)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Change what differs."""
        form = SettingsForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            # An empty time is "none": for the service, None restores the default, which is the same.
            changed = change_settings(self.actor, form.cleaned_data)
        except NotRecent:
            raise
        except Refused as error:
            form.refuse(error)
            return self._draw(form, refused=error, status=error.status)
        text = ngettext("%(n)s setting changed", "%(n)s settings changed", len(changed)) % {"n": len(changed)}
        toasts.keep(request, toasts.Toast(text if changed else _("Nothing was changed.")))
        return self.go(reverse("admin:settings"))

    def _draw(self, form: SettingsForm, *, refused: Any = None, status: int = 200) -> HttpResponse:
        shown = [(each, form[each.setting.name]) for each in visible_settings(self.actor)]
        groups = [(group, list(rows)) for group, rows in groupby(shown, lambda row: row[0].setting.group)]
        context = {
            "form": form,
            "groups": groups,
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
        }
        return self.show(context, status=status)
