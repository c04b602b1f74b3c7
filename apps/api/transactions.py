"""A change and its answer: what cannot be answered is not done.

A service is one transaction. Without this it would be committed before its answer is drawn up, and a bug there would
answer 500 for a change that was made: whoever sends it again makes it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.lifecycle.errors import Refused

Handler = Callable[..., Response]


def answered_in_one_transaction(handler: Handler) -> Handler:
    """Have a view's method commit only once its answer stands as it will be sent.

    Not for bulk requests, which are a transaction for each row.
    """

    @wraps(handler)
    def committed_with_its_answer(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            try:
                response = handler(view, request, *args, **kwargs)
            except (Refused, APIException) as error:
                # Its service has undone what it did. What was written of the refusal, a counted try say, is kept.
                refused: Exception = error
            else:
                _render(view, request, response)
                return response
        raise refused

    return committed_with_its_answer


def _render(view: APIView, request: Request, response: Response) -> None:
    """Render as Django will: it renders nothing twice."""
    response.accepted_renderer = request.accepted_renderer
    response.accepted_media_type = request.accepted_media_type
    response.renderer_context = view.get_renderer_context()  # type: ignore[attr-defined]
    response.render()
