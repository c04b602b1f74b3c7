"""A filled-in form as the API call that does the same, to be copied into a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

#: The shell's variable that holds the caller's key.
VARIABLE = "SCLOUD_TOKEN"


class Encoder(DjangoJSONEncoder):
    """As the API reads: decimals are numbers."""

    def default(self, o: Any) -> Any:
        """Return what stands for a value that JSON does not know."""
        return float(o) if isinstance(o, Decimal) else super().default(o)


@dataclass(frozen=True)
class ApiCall:
    """url: absolute. body: what is sent, secrets already replaced by placeholders."""

    url: str
    body: Mapping[str, Any]

    @property
    def json(self) -> str:
        """The body, indented."""
        return json.dumps(dict(self.body), cls=Encoder, indent=2, ensure_ascii=False)

    @property
    def curl(self) -> str:
        """A command for a shell. Nothing in the body is special to it: the text between the marks is taken as it is."""
        return (
            f'curl -X POST "{self.url}" \\\n'
            f'  -H "Authorization: Bearer ${VARIABLE}" \\\n'
            '  -H "Content-Type: application/json" \\\n'
            f"  --data-binary @- <<'END'\n{self.json}\nEND"
        )


def placeholder(field: str) -> str:
    """Return what stands in a call for a secret that was typed."""
    return f"<{field}>"
