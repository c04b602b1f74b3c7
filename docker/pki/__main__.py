"""Entry point of ``python3 docker/pki``; needs Python 3.11 and the Debian package python3-cryptography."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from pki.cli import main  # noqa: E402  (the path above makes the package importable)

sys.exit(main())
