"""What can be done to settings."""

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Proof, Verb, VerbClass, declare

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
#: Besides, for settings about logins and sessions: they decide how hard it is to get in.
CHANGE_LOG_IN = declare(
    Verb(
        "platform_settings.change_log_in",
        _("Change login and session settings"),
        _("Changing"),
        permission="admin",
        on_resource=False,
        icon="settings",
        verb_class=VerbClass.ACCOUNTS,
        proof=Proof.FRESH,
    )
)
