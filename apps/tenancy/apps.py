from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "apps.tenancy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start with a file of providers that cannot be used."""
        from apps.tenancy.oidc.providers import providers

        providers()
