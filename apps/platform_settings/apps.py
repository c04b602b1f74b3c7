from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class PlatformSettingsConfig(AppConfig):
    name = "apps.platform_settings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load what the apps declare, so that every process knows all settings."""
        autodiscover_modules("platform_settings")
