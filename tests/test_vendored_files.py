"""The committed front-end files are the ones that static/vendor/README.md names."""

import hashlib
import json
import re
from pathlib import Path

from scripts.vendor import icon_names

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "static" / "vendor" / "README.md").read_text()
LISTED = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", README, re.MULTILINE))
WRITTEN_BY_HAND = {"static/vendor/README.md", "static/vendor/icons.txt"}


def test_every_vendored_file_has_the_hash_that_the_list_gives() -> None:
    committed = [path for folder in ("static/vendor", "tests/vendor") for path in (ROOT / folder).rglob("*")]
    actual = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in committed
        if path.is_file()
    }
    listed = {path: digest for digest, path in LISTED.items()}

    assert {path: digest for path, digest in actual.items() if path not in WRITTEN_BY_HAND} == listed


def test_the_list_names_the_versions_that_package_json_asks_for() -> None:
    asked = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    listed = dict(re.findall(r"^\| (\S+) \| ([0-9.]+) \|", README, re.MULTILINE))

    assert listed == asked


def test_every_icon_named_in_the_list_is_in_the_sprite() -> None:
    sprite = (ROOT / "static/vendor/icons/icons.svg").read_text()

    assert icon_names() == re.findall(r'<symbol id="([^"]+)"', sprite)
