"""Settings, all from the environment (docs/configuration.md lists them); the rest is Django's default."""

from scloud_console.settings.environment import *  # isort: skip  # the environment file is read before all else
from scloud_console.settings.accounts import *
from scloud_console.settings.background import *
from scloud_console.settings.data import *
from scloud_console.settings.platform import *
from scloud_console.settings.presentation import *
from scloud_console.settings.rest_api import *
from scloud_console.settings.web import *
