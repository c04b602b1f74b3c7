"""How people and programs use accounts (`apps/accounts`): pages, API, log-in, OpenID Connect, second factors."""
