from django.apps import AppConfig

from apps.drivers.redis_tls import believe_no_public_authority


class InfrastructureConfig(AppConfig):
    name = "apps.infrastructure"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Prepare this process's connections to Redis before any is made."""
        believe_no_public_authority()
