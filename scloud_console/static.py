"""Hashed names for static files."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Also rewrites the imports between ES modules, which noVNC consists of."""

    support_js_module_import_aggregation = True
