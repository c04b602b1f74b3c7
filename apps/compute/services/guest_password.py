"""New passwords for guests that run."""

from __future__ import annotations

import secrets
import string

from apps.accounts.acts import changes
from apps.accounts.secrets import seal
from apps.compute.models import Image, Vm
from apps.compute.services.first_boot import password_errors, sealed_hash
from apps.compute.verbs import VM_RESET_PASSWORD
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change

#: Whose password it is, by OS family.
USERS = {Image.Family.LINUX: "root", Image.Family.WINDOWS: "Administrator"}
GENERATED_LENGTH = 16
#: Nothing that looks like something else, or that a keyboard of another language has elsewhere.
_ALPHABET = "".join(set(string.ascii_letters + string.digits) - set("0O1lIyzYZ"))


@changes(VM_RESET_PASSWORD)
def reset_password(change: Change[Vm], *, password: str) -> Operation:
    """Have the guest agent set the password of root (Linux) or Administrator (Windows). Raises Invalid.

    It is kept, sealed, only until the guest has it or the operation has failed.
    """
    if errors := password_errors(password):
        raise Invalid({"password": errors})
    family = family_of(change.row)
    # Windows' agent takes no hash.
    sealed = seal(password) if family == Image.Family.WINDOWS else sealed_hash(password)
    Vm.objects.filter(pk=change.row.pk).update(sealed_new_password=sealed)
    return change.request(args={"user": USERS[family]})


def family_of(vm: Vm) -> Image.Family:
    """Return the OS family of a VM."""
    return Image.Family(vm.image.os_family) if vm.image else Image.Family.LINUX


def generated_password() -> str:
    """Return a random password that the rules accept and that is easy to type."""
    while True:
        made = "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))
        if not password_errors(made):
            return made
