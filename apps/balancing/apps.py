"""The app's configuration."""

from django.apps import AppConfig


class BalancingConfig(AppConfig):
    name = "apps.balancing"
    default_auto_field = "django.db.models.BigAutoField"
