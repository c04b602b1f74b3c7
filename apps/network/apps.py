from django.apps import AppConfig


class NetworkConfig(AppConfig):
    name = "apps.network"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give every new account a network."""
        from apps.network.services.default_network import create_default_network
        from apps.tenancy.newcomers import on_new_account

        on_new_account(create_default_network)
