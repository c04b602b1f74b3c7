"""The page kit both portals are made of, and the pages that belong to no single domain."""
