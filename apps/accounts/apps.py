from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    # The app was called so when its tables were made: tables, migrations, content types and AUTH_USER_MODEL
    # ("tenancy.User") of existing installations go on by this name.
    label = "tenancy"
    default_auto_field = "django.db.models.BigAutoField"
