"""Networks in the API, one file per noun."""
