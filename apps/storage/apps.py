from django.apps import AppConfig


class StorageConfig(AppConfig):
    name = "apps.storage"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Count disks for quotas."""
        from apps.quotas.recount import count_with
        from apps.storage.quota import existing

        count_with(existing)
