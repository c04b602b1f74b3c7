from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "apps.reconciliation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Look at what hosts report, and hear of quotas that were put right."""
        from apps.infrastructure import reports
        from apps.quotas import recount
        from apps.reconciliation.counts import note_quotas
        from apps.reconciliation.hosts import look_at_reports

        reports.listeners.append(look_at_reports)
        recount.drift_listeners.append(note_quotas)
