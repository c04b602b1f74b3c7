from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "apps.quotas"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every new tenant given its quotas."""
        from apps.quotas.services import welcome
        from apps.tenancy.newcomers import on_new_account

        on_new_account(welcome)
