"""The control workers' Celery app."""

import os

from celery import Celery
from kombu.transport.redis import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scloud_console.settings")

app = Celery("scloud")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A worker that loses its connection need not put back what it has not acknowledged: the sweeper rings again. Trying to,
# with Redis away, ended the worker: kombu 5.7's Channel._connparams needs a transport that is gone by then.
Channel.do_restore = False
