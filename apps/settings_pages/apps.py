from django.apps import AppConfig


class SettingsPagesConfig(AppConfig):
    name = "apps.settings_pages"
