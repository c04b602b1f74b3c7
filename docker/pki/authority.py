"""One certificate authority: a directory with its key, its own certificate and those it issued."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki import files

ORGANIZATION = "scloud"
AUTHORITY_LIFE = timedelta(days=5 * 365)
LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
SKEW = timedelta(minutes=5)
"""How far a machine's clock may be behind ours when it gets a new certificate."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Use(Enum):
    """What a certificate may be presented as."""

    CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
    BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


class UnknownName(Exception):
    """An authority or certificate that does not exist; the text says which."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority. ``ca.pem`` begins with the one it signs with; during a change another follows."""

    directory: Path

    @property
    def name(self) -> str:
        return self.directory.name

    def exists(self) -> bool:
        """Whether it was made."""
        return (self.directory / "ca.pem").exists()

    def create(self) -> bool:
        """Make its key and certificate; False when they exist."""
        if self.exists():
            return False
        key, certificate = self._new_root()
        self._keep("ca", key, _pem(certificate))
        return True

    def trusted(self) -> bytes:
        """The certificates that those who check its certificates must know, as PEM."""
        if not self.exists():
            raise UnknownName(f"authority {self.name!r} does not exist in {self.directory.parent}")
        return (self.directory / "ca.pem").read_bytes()

    def names(self) -> list[str]:
        """The names it issued certificates for."""
        return sorted(path.stem for path in self.directory.glob("*.pem") if path.stem not in ("ca", "next"))

    def certificate(self, name: str) -> x509.Certificate:
        """The present certificate of a name; ``ca`` is the authority's own."""
        path = self.directory / f"{name}.pem"
        if not path.exists():
            raise UnknownName(f"authority {self.name!r} has no certificate {name!r}")
        return split(path.read_bytes())[0]

    def pair(self, name: str) -> tuple[bytes, bytes]:
        """The certificate and the private key of a name, as PEM."""
        self.certificate(name)
        return (self.directory / f"{name}.pem").read_bytes(), (self.directory / f"{name}.key").read_bytes()

    def ensure(self, name: str, use: Use, addresses: Sequence[str] = ()) -> bool:
        """Issue a certificate unless a good one with these addresses exists; True when one was issued.

        ``addresses`` are IP addresses and DNS names beside ``name`` itself.
        """
        wanted = _names(name, addresses)
        if (self.directory / f"{name}.pem").exists():
            present = self.certificate(name)
            if _same(present, wanted, use) and not is_due(present) and self._signed(present):
                return False
        self._issue(name, use, wanted)
        return True

    def reissue(self, name: str) -> None:
        """Replace a certificate and its key by new ones with the same names and use."""
        present = self.certificate(name)
        names = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self._issue(name, _use(present), list(names))

    def reissue_all(self) -> None:
        """Replace all certificates it issued."""
        for name in self.names():
            self.reissue(name)

    def announce(self) -> None:
        """Make the next key and have ``ca.pem`` trust both; certificates are issued by the present one."""
        if (self.directory / "next.pem").exists():
            return
        key, certificate = self._new_root()
        self._keep("next", key, _pem(certificate))
        self._write("ca.pem", self.trusted() + _pem(certificate), 0o644)

    def switch(self) -> None:
        """Issue by the announced key from now on, all certificates again; the old one stays trusted."""
        fresh = self.directory / "next.pem"
        if not fresh.exists():
            raise UnknownName(f"authority {self.name!r} has no announced key: announce it first")
        old = split(self.trusted())[0]
        self._write("ca.key", (self.directory / "next.key").read_bytes(), 0o600)
        self._write("ca.pem", fresh.read_bytes() + _pem(old), 0o644)
        for part in ("next.pem", "next.key"):
            (self.directory / part).unlink()
        self.reissue_all()

    def retire(self) -> None:
        """Trust only what it signs with: certificates issued by an earlier key are refused from now on."""
        if not (self.directory / "next.pem").exists():
            self._write("ca.pem", _pem(split(self.trusted())[0]), 0o644)

    def _issue(self, name: str, use: Use, names: list[x509.GeneralName]) -> None:
        own = self.certificate("ca")
        signer = serialization.load_pem_private_key((self.directory / "ca.key").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        certificate = (
            _builder(self._subject(name), own.subject, key, now - SKEW, min(now + LIFE, expiry(own)))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(use.value), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .sign(signer, hashes.SHA256())
        )
        self._keep(name, key, _pem(certificate))

    def _new_root(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        # Dated, so that the certificates before and after a change are distinguished by whoever reads them.
        subject = self._subject(f"{self.name} authority {now:%Y-%m-%d %H:%M:%S}")
        certificate = (
            _builder(subject, subject, key, now - SKEW, now + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return key, certificate

    def _subject(self, name: str) -> x509.Name:
        parts = (
            (NameOID.ORGANIZATION_NAME, ORGANIZATION),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, self.name),
            (NameOID.COMMON_NAME, name),
        )
        return x509.Name([x509.NameAttribute(*part) for part in parts])

    def _signed(self, certificate: x509.Certificate) -> bool:
        return certificate.issuer == self.certificate("ca").subject

    def _keep(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(f"{name}.key", secret, 0o600)
        self._write(f"{name}.pem", certificate, 0o644)

    def _write(self, name: str, content: bytes, mode: int) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self.directory / name, content, mode)


def split(bundle: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file in their order."""
    return [x509.load_pem_x509_certificate(text) for text in _PEM.findall(bundle)]


def expiry(certificate: x509.Certificate) -> datetime:
    """When a certificate ends; Debian 12's cryptography knows the older, naive attribute only."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=UTC)


def is_due(certificate: x509.Certificate) -> bool:
    """Whether it should be replaced now."""
    return expiry(certificate) - datetime.now(UTC) < RENEW_BEFORE


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    """What a key may do; libvirt 9 (Debian 12) refuses a certificate without key encipherment."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        key_encipherment=not ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(name: str, addresses: Sequence[str]) -> list[x509.GeneralName]:
    return [_general(text) for text in dict.fromkeys((name, *addresses))]


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _same(certificate: x509.Certificate, names: list[x509.GeneralName], use: Use) -> bool:
    present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(present) == names and _use(certificate) is use


def _use(certificate: x509.Certificate) -> Use:
    return Use(tuple(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
