"""Copy the front-end files named here from node_modules/ into static/vendor/ and tests/vendor/.

Run by `make vendor`, which installs node_modules/ first. Writes static/vendor/README.md with each file's SHA-256;
`tests/test_vendored_files.py` compares the files with it. Standard library only.
"""

import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
STATIC = ROOT / "static" / "vendor"
TESTS = ROOT / "tests" / "vendor"
ICON_NAMES = STATIC / "icons.txt"
SVG = "http://www.w3.org/2000/svg"

# package -> (folder made, files or directories taken from the package)
TAKEN = {
    "@tabler/core": (STATIC / "tabler", ["dist/css/tabler.min.css", "dist/js/tabler.min.js"]),
    "@tabler/icons": (STATIC / "icons", ["LICENSE"]),
    "htmx.org": (STATIC / "htmx", ["dist/htmx.min.js", "LICENSE"]),
    "tus-js-client": (STATIC / "tus", ["dist/tus.min.js", "LICENSE"]),
    "uplot": (STATIC / "uplot", ["dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"]),
    "@novnc/novnc": (STATIC / "novnc", ["core", "vendor", "LICENSE.txt", "docs/LICENSE.MPL-2.0"]),
    "axe-core": (TESTS / "axe", ["axe.min.js", "LICENSE"]),
}
# Source maps are not vendored, and hashed static file storage refuses a reference to a missing file.
SOURCE_MAP = re.compile(rb"\n?(/\*|//)# sourceMappingURL=\S+( ?\*/)?\s*$")


def main() -> None:
    for package, (folder, wanted) in TAKEN.items():
        shutil.rmtree(folder, ignore_errors=True)
        for name in wanted:
            copy(MODULES / package / name, folder)
    write_icon_sprite()
    (STATIC / "README.md").write_text(readme())


def copy(source: Path, folder: Path) -> None:
    """Copy a file, or a directory with its name, into `folder`; drop references to source maps."""
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for file in [target] if target.is_file() else target.rglob("*.*"):
        if file.suffix in {".js", ".css"}:
            file.write_bytes(SOURCE_MAP.sub(b"\n", file.read_bytes()))


def write_icon_sprite() -> None:
    """Join the icons of icons.txt into one SVG; use as <svg><use href="…/icons.svg#server"/></svg>."""
    ElementTree.register_namespace("", SVG)
    sprite = ElementTree.Element(f"{{{SVG}}}svg")
    for name in icon_names():
        icon = ElementTree.parse(MODULES / "@tabler/icons/icons/outline" / f"{name}.svg").getroot()
        symbol = ElementTree.SubElement(sprite, f"{{{SVG}}}symbol", {"id": name, "viewBox": "0 0 24 24"})
        shapes = [
            shape for shape in icon if shape.get("stroke") != "none"
        ]  # without the invisible bounding box
        for shape in shapes:
            shape.tail = None
        attributes = {
            key: icon.attrib[key] for key in ("stroke", "stroke-linecap", "stroke-linejoin")
        }  # width: CSS
        group = ElementTree.SubElement(symbol, f"{{{SVG}}}g", {"fill": "none", **attributes})
        group.extend(shapes)
    ElementTree.indent(sprite, "", level=0)
    path = STATIC / "icons" / "icons.svg"
    path.write_text(ElementTree.tostring(sprite, "unicode") + "\n")


def icon_names() -> list[str]:
    """The names in icons.txt, comments left out."""
    lines = ICON_NAMES.read_text().split("\n")
    return sorted({line.strip() for line in lines if line.strip() and not line.startswith("#")})


def vendored_files() -> Iterator[Path]:
    """Every file that this script writes, README.md excepted, in a fixed order."""
    for folder, _ in TAKEN.values():
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def readme() -> str:
    """README.md: packages with version and licence, then one line of hash and path for each file."""
    rows = []
    for package, (folder, _) in TAKEN.items():
        about = json.loads((MODULES / package / "package.json").read_text())
        rows.append(
            f"| {package} | {about['version']} | {about['license']} | `{folder.relative_to(ROOT)}/` |"
        )
    hashes = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}"
        for path in vendored_files()
    ]
    return HEAD + "\n".join(rows) + "\n\n## SHA-256\n```\n" + "\n".join(hashes) + "\n```\n"


HEAD = """# Vendored front-end files
Written by `make vendor` from the exact versions in `package.json`; do not edit by hand. Files are as published, but for
references to source maps (removed) and the icons (those in `icons.txt`, joined into one sprite: `icons.svg#server`).

| package | version | licence | files |
| --- | --- | --- | --- |
"""


if __name__ == "__main__":
    main()
