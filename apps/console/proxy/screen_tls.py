"""TLS towards the VMs' VNC servers: the proxy shows its certificate and checks the server's, its name included."""

from __future__ import annotations

import ssl

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def client_context() -> ssl.SSLContext | None:
    """Return the TLS settings of a connection to a screen; None where the platform has no certificates for it.

    The files are read for each connection, so that new certificates count without a restart.
    """
    files = (settings.VNC_CERT, settings.VNC_KEY, settings.VNC_CA)
    if not any(files):
        return None
    if not all(files):
        raise ImproperlyConfigured(
            "Set SCLOUD_VNC_CERT, SCLOUD_VNC_KEY and SCLOUD_VNC_CA together, or none of them."
        )
    context = ssl.create_default_context(cafile=settings.VNC_CA)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(settings.VNC_CERT, settings.VNC_KEY)
    return context
