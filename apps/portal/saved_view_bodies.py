"""What the API takes and answers of saved views."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.portal import saved_views
from apps.portal.list_settings import LIST_KEY


class SavedViewChanges(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63, required=False)
    query = serializers.CharField(
        max_length=saved_views.LONGEST_QUERY,
        required=False,
        allow_blank=True,
        help_text="Filters and order, as in the page's address: state=ready&sort=-created.",
    )
    columns = serializers.ListField(
        child=serializers.CharField(max_length=63),
        max_length=saved_views.MOST_COLUMNS,
        required=False,
        help_text="In this order; empty: the list's own.",
    )
    shared = serializers.BooleanField(required=False, help_text="Whether everybody of the tenant may use it.")


class SavedViewBody(SavedViewChanges):
    list = serializers.RegexField(f"^{LIST_KEY}$", max_length=64)
    name = serializers.CharField(max_length=63)


class SavedViewOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    list = serializers.CharField()
    name = serializers.CharField()
    query = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    shared = serializers.BooleanField()
    own = serializers.BooleanField(help_text="Whether it is the caller's, who alone can change it.")
    created_at = serializers.DateTimeField()


class SavedViewsOut(serializers.Serializer[Any]):
    results = SavedViewOut(many=True)
