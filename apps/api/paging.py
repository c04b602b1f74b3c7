"""Paging by cursor: the cost of a page does not grow with its distance from the first."""

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """`?page_size=` up to 200; `next` and `previous` are links. Newest first."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = ("-created_at", "id")
