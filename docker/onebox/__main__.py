"""Entry point of ``python3 docker/onebox``; needs nothing but the standard library of Python 3.11."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from onebox.cli import main  # noqa: E402  (the path above makes the package importable)

sys.exit(main())
