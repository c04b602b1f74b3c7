"""GET /api/v1/schema: the OpenAPI document, rendered once per process and then only served."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any

from django.http import HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from apps.api.base import ApiView

#: However many ask at once, one request renders it.
_rendering = Lock()
#: A contract has one text, whatever the reader's language.
LANGUAGE = "en"


class Document(ApiView, SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON."""

    authentication_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer with the rendered text, or 304 to who has it."""
        renderer, media_type = self.perform_content_negotiation(request)
        with _rendering:
            kind: Any = type(renderer)
            text, etag = _rendered(kind)
        headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
        response = HttpResponse(text, content_type=media_type, headers=headers)
        return get_conditional_response(request._request, etag, response=response) or response


@cache
def _rendered(renderer: type[Any]) -> tuple[bytes, str]:
    with translation.override(LANGUAGE):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        text: bytes = renderer().render(schema, renderer_context={})
    return text, f'"{sha256(text).hexdigest()[:32]}"'
