"""Loading modules by their place, so that a new one need not be named anywhere."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

from django.apps import apps
from django.utils.module_loading import autodiscover_modules


def discover(name: str) -> None:
    """Load the module of that name of every app, of a package every module."""
    autodiscover_modules(name)
    for app in apps.get_app_configs():
        if f"{app.name}.{name}" in sys.modules:
            load_modules(f"{app.name}.{name}")


def load_modules(package: str) -> None:
    """Import every module of a package that is loaded or being loaded; a module that is no package has none."""
    for module in pkgutil.iter_modules(getattr(sys.modules[package], "__path__", ())):
        import_module(f"{package}.{module.name}")
