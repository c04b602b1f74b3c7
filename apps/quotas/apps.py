from django.apps import AppConfig


class QuotasConfig(AppConfig):
    name = "apps.quotas"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every new tenant given its quotas, and the kits read them."""
        from apps.lifecycle.forecast import QuotaReader, register_quota_reader
        from apps.quotas.forecast import lines_between, quota_lines, used_by
        from apps.quotas.services import welcome
        from apps.tenancy.newcomers import on_new_account

        on_new_account(welcome)
        register_quota_reader(QuotaReader(used_by, lines_between, quota_lines))
