from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "apps.tenancy"
    # "tenancy" is the label of `apps.accounts`, which has the tables. This app has none.
    label = "tenancy_console"

    def ready(self) -> None:
        """Refuse to start with a file of providers that cannot be used."""
        from apps.tenancy.oidc.providers import providers

        providers()
