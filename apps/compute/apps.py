from django.apps import AppConfig


class ComputeConfig(AppConfig):
    name = "apps.compute"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give every new cluster its instance types, and learn of VMs' power from hosts' reports."""
        from apps.compute.observation import take_reports
        from apps.compute.services.instance_type import create_default_types
        from apps.infrastructure import reports, services

        services.furnishings.append(create_default_types)
        reports.listeners.append(take_reports)
