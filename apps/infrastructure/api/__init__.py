"""The physical side in the API. One file per noun."""
