from django.apps import AppConfig


class InfrastructureConfig(AppConfig):
    name = "apps.infrastructure"
    default_auto_field = "django.db.models.BigAutoField"
