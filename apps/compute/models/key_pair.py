"""SSH public keys that tenants put into their VMs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import Kind


class KeyPair(Kind):
    """A public key. VMs copy it at creation, so it can go at any time. A private key is never kept."""

    public_key = models.TextField()
    # As the key's line starts; the longest is sk-ecdsa-sha2-nistp256@openssh.com.
    algorithm = models.CharField(max_length=64)
    # As ssh-keygen -l prints it: SHA256:<base64>.
    fingerprint = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("SSH key")
        verbose_name_plural = _("SSH keys")
