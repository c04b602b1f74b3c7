from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LifecycleConfig(AppConfig):
    name = "apps.lifecycle"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load every app's verb table, so that any process can name a verb."""
        autodiscover_modules("verbs")
