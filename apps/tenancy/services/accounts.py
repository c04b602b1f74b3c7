"""What tenants' and admins' logins have in common: checked names, checked or generated passwords."""

from __future__ import annotations

import re
import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.single_line import clean_line
from apps.lifecycle.errors import Invalid
from apps.tenancy.addresses import ascii_lower

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,61}[a-z0-9]")
MAX_NAME = 63


def clean_name(name: str, field: str = "name") -> str:
    """Return a name of 1 to 63 characters without surrounding blanks; Invalid otherwise."""
    return clean_line(field, name, MAX_NAME, blank=False)


def new_user(username: str, password: str, *, email: str = "", must_change: bool, **columns: object) -> User:
    """Insert a login. Raises Invalid for a bad or taken name, address or password. Call in a transaction."""
    username = ascii_lower(username.strip())
    if not _USERNAME.fullmatch(username):
        raise Invalid(
            {
                "username": [
                    _("3 to 63 lowercase letters, digits and . _ @ -. Start and end with a letter or digit.")
                ]
            }
        )
    user = User(username=username, email=clean_email(email), must_change_password=must_change, **columns)
    check_password_strength(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid({"username": [_("This username is already in use.")]}) from error
    return user


def check_password_strength(password: str, user: User, field: str = "password") -> None:
    """Raise Invalid with every reason why the password is too weak for that user."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid({field: error.messages}) from error


def generate_password() -> str:
    """Return a password of 96 bits to be shown once and changed at the first login."""
    return secrets.token_urlsafe(12)


def clean_email(address: str) -> str:
    """Return an email address, or nothing; Invalid (field "email") when it is none.

    ASCII only: letters of other scripts make an address look like another one. Such domains have an ASCII form.
    """
    if not address.isascii():
        raise Invalid({"email": [_("ASCII letters only. Write international domains in xn-- form.")]})
    try:
        if address:
            validate_email(address)
    except ValidationError as error:
        raise Invalid({"email": error.messages}) from error
    return address
