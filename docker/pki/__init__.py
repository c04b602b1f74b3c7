"""The platform's internal certificate authorities, one per purpose (docs/concepts/certificates.md)."""
