from django.apps import AppConfig


class ComputeConfig(AppConfig):
    name = "apps.compute"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give every new cluster its instance types, learn of VMs' power from hosts' reports."""
        from apps.compute.observation import take_reports, tell_of_reach
        from apps.compute.services.instance_type import create_default_types
        from apps.compute.usage import vm_samples
        from apps.infrastructure import reports, services, usage

        services.furnishings.append(create_default_types)
        reports.listeners.append(take_reports)
        reports.reach_listeners.append(tell_of_reach)
        usage.samplers.append(vm_samples)
