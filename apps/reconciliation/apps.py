from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "apps.reconciliation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Look at what hosts report, hear of quotas that were put right, and be seen where people look."""
        from apps.infrastructure import reports
        from apps.infrastructure.pages import attention
        from apps.portal import detail, navigation
        from apps.quotas import recount
        from apps.reconciliation.counts import note_quotas
        from apps.reconciliation.hosts import look_at_reports
        from apps.reconciliation.noticing import looks, notice_on
        from apps.reconciliation.selectors import count_open

        reports.listeners.append(look_at_reports)
        recount.drift_listeners.append(note_quotas)
        navigation.badges["admin:finding.list"] = count_open
        detail.notices.append(notice_on)
        attention.more.append(looks)
