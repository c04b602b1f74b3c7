"""What can be done to settings."""

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Verb, declare

CHANGE = declare(
    Verb(
        "platform_settings.change",
        _("Change settings"),
        _("Changing"),
        permission="admin",
        on_resource=False,
        icon="settings",
    )
)
