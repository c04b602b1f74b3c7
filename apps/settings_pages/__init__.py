"""The page and the API of the platform's settings, for administrators. `apps/platform_settings` keeps them."""
