from django.urls import path

from apps.settings_pages.api import SettingsApi
from apps.settings_pages.pages import SettingsPage

api_routes = [path("settings", SettingsApi.as_view(), name="settings")]
admin_patterns = [path("settings/", SettingsPage.as_view(admin=True), name="settings")]
