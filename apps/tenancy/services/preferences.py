"""One's own language, time zone and theme."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.accounts.preferences import THEMES, is_language, is_time_zone
from apps.accounts.verbs import PREFERENCES_SET
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid


@serves(PREFERENCES_SET)
def set_preferences(
    actor: Actor, *, language: str | None = None, time_zone: str | None = None, theme: str | None = None
) -> User:
    """Change what is given; "" means as the browser says. Raises Forbidden, or Invalid with the field that is wrong.

    No audit line: this changes nothing but how the asker's own pages look.
    """
    allow(actor, PREFERENCES_SET, project=None, tenant_id=None)
    assert actor.user is not None, "allow() lets nobody else do this"
    wrong: dict[str, list[str]] = {}
    if language and not is_language(language):
        wrong["language"] = [_("This language is not available.")]
    if time_zone and not is_time_zone(time_zone):
        wrong["time_zone"] = [_("Not a time zone such as Asia/Shanghai.")]
    if theme and theme not in THEMES:
        wrong["theme"] = [_("Available appearances: %(themes)s.") % {"themes": ", ".join(THEMES)}]
    if wrong:
        raise Invalid(wrong)
    given = {"language": language, "time_zone": time_zone, "theme": theme}
    changed = {name: value for name, value in given.items() if value is not None}
    User.objects.filter(pk=actor.user.pk).update(**changed)
    return User.objects.get(pk=actor.user.pk)
