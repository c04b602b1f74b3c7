from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "apps.reconciliation"
    default_auto_field = "django.db.models.BigAutoField"
