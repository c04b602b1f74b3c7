"""Settings of a test run: the product's own, on the private PostgreSQL and Redis of docker/onebox's `test` instance.

These are started if they do not run, and left running for the next run; `make test` stops them at its end.
With DATABASE_URL set, that server is used instead.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if "DATABASE_URL" not in os.environ:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        up = [sys.executable, str(ROOT / "docker" / "onebox"), "up", "--instance", "test", "--only", "data"]
        subprocess.run(up, check=True, stdout=subprocess.DEVNULL)
    os.environ["SCLOUD_ENV"] = str(ROOT / "var" / "test" / "env")

from scloud_console.settings import *  # noqa: E402, F403
from scloud_console.settings import DATABASES, STORAGES  # noqa: E402

UPLOAD_DIR = str(ROOT / "var" / "test" / "uploads")
# A name of its own, so that two runs at the same time do not meet; pytest-django adds the xdist worker's name.
DATABASES["default"]["TEST"] = {"NAME": f"test_{os.getpid()}"}
# Plain names: the hashed ones need `collectstatic` first.
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
WHITENOISE_USE_FINDERS = True
# The real one takes a tenth of a second for each password, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
