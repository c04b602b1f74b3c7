from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "apps.quotas"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the kits read quotas."""
        from apps.lifecycle.forecast import QuotaReader, register_quota_reader
        from apps.quotas.forecast import lines_between, quota_lines, used_by

        register_quota_reader(QuotaReader(used_by, lines_between, quota_lines))
