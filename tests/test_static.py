"""What browsers get of our stylesheets."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from scloud_console.static import joined

CSS = Path(__file__).resolve().parent.parent / "static" / "css"


def test_the_stylesheets_that_every_page_needs_become_one() -> None:
    whole = joined(CSS / "console.css")
    assert "@import" not in whole
    for name in re.findall(r'@import url\("(.*)"\)', (CSS / "console.css").read_text()):
        assert (CSS / name).read_text() in whole, name


def test_the_one_stylesheet_stays_small() -> None:
    assert len(gzip.compress(joined(CSS / "console.css").encode())) < 60_000
