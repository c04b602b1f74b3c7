from django.apps import AppConfig


class NetworkConfig(AppConfig):
    name = "apps.network"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give every new account a network, and count networks for quotas."""
        from apps.network.quota import existing
        from apps.network.services.default_network import create_default_network
        from apps.quotas.recount import count_with
        from apps.tenancy.newcomers import on_new_account

        count_with(existing)
        on_new_account(create_default_network)
