"""The certificate with which this process connects to OVN's databases ("ssl:" addresses)."""

from ovs.stream import Stream


def use(key: str, certificate: str, authority: str) -> None:
    """Set the PEM files of all connections this process makes from now on; they are read for each.

    The server's name is not checked: `authority` must have issued certificates to OVN's databases only.
    """
    Stream.ssl_set_private_key_file(key)
    Stream.ssl_set_certificate_file(certificate)
    Stream.ssl_set_ca_cert_file(authority)
