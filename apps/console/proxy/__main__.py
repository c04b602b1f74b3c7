"""`python -m apps.console.proxy`: see docs/concepts/console.md."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scloud_console.settings")
django.setup()

from apps.console.proxy.process import main  # noqa: E402

main()
