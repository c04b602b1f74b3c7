"""The control workers' Celery app."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scloud_console.settings")

app = Celery("scloud")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
