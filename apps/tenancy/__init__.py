"""How people and programs use accounts (`apps/accounts`): pages, API, login, OpenID Connect, second factors."""
