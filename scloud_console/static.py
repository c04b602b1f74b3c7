"""Hashed names for static files, and one stylesheet out of many."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

#: Imports the others by subject; browsers in development follow the imports, all others get what this makes of it.
STYLESHEET = "css/console.css"
_IMPORT = re.compile(r'@import url\("([\w-]+\.css)"\);\n?')


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Also rewrites the imports between ES modules, which noVNC consists of, and joins the stylesheets."""

    support_js_module_import_aggregation = True

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        """Join the stylesheets before names are hashed: a page waits for one request instead of twenty."""
        if STYLESHEET in paths and not dry_run:
            source, path = paths[STYLESHEET]
            Path(self.path(STYLESHEET)).write_text(joined(Path(source.path(path))))
            paths = {**paths, STYLESHEET: (self, STYLESHEET)}
        yield from super().post_process(paths, dry_run, **options)


def joined(stylesheet: Path) -> str:
    """Return a stylesheet with what it imports, all of one folder, put in the imports' places."""
    return _IMPORT.sub(lambda found: (stylesheet.parent / found[1]).read_text(), stylesheet.read_text())
