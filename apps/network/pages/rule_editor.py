"""The rows in which security group rules are typed.

Every button of the editor is a submit button, so that adding, removing and moving rows works without scripts; with
scripts (static/js/rules.js) the same is done in the page. Nothing is stored before "save".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.network.models import Protocol, SecurityGroupRule
from apps.network.rule_ports import port_text
from apps.network.rule_shortcuts import SHORTCUTS
from apps.network.rules import MAX_RULES, Rule, parse_rules

FIELDS = ("direction", "protocol", "port", "address", "action", "priority", "description")
#: What makes a row count as filled in.
TYPED = ("port", "address", "description")
BLANK = {
    "direction": "in",
    "protocol": "tcp",
    "port": "",
    "address": "",
    "action": "accept",
    "priority": "medium",
    "description": "",
}


@dataclass
class Row:
    """One row as typed, with what is wrong with it by field."""

    values: dict[str, str]
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was typed."""
        return not any(self.values[name] for name in TYPED)

    @property
    def said(self) -> list[tuple[str, str | Promise, str]]:
        """What is wrong with it, for people: field, its heading, message."""
        labels = dict(row_texts())
        return [(name, labels[name], text) for name in FIELDS for text in self.errors.get(name, [])]

    @property
    def takes_port(self) -> bool:
        """Whether the protocol has ports to type."""
        return self.values["protocol"] in {Protocol.TCP, Protocol.UDP}


@dataclass(frozen=True)
class Problem:
    """One message of the summary above the form. place: id of the control it is about."""

    place: str
    label: str
    message: str


def row_texts() -> list[tuple[str, str | Promise]]:
    """Return column headings by field."""
    return [
        ("direction", _("Direction")),
        ("protocol", _("Protocol")),
        ("port", _("Port")),
        ("address", _("Address")),
        ("action", _("Action")),
        ("priority", _("Priority")),
        ("description", _("Description")),
    ]


class RuleEditor:
    """Rows, and what can be done to them before they are saved."""

    directions = SecurityGroupRule.Direction.choices
    actions = SecurityGroupRule.Action.choices
    priorities = SecurityGroupRule.Priority.choices
    protocols = Protocol.choices
    shortcuts = tuple(SHORTCUTS.values())
    limit = MAX_RULES

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.rows = [Row({name: str(row.get(name) or BLANK[name]) for name in FIELDS}) for row in rows]
        self.errors: list[str] = []

    @classmethod
    def of(cls, rules: Iterable[SecurityGroupRule | Rule]) -> RuleEditor:
        """Start from rules that stand."""
        return cls(
            {**vars(rule), "port": port_text(rule.port_min, rule.port_max), "address": rule.cidr}
            for rule in rules
        )

    @classmethod
    def typed(cls, data: QueryDict) -> RuleEditor:
        """Take the rows as they were sent."""
        columns = [data.getlist(f"rule_{name}") for name in FIELDS]
        return cls(dict(zip(FIELDS, row, strict=True)) for row in zip(*columns, strict=False))

    @property
    def blank(self) -> Row:
        """A row to fill in."""
        return Row(dict(BLANK))

    @property
    def entries(self) -> list[dict[str, str]]:
        """The rows that were filled in."""
        return [row.values for row in self.rows if not row.is_blank]

    @property
    def row_texts(self) -> list[tuple[str, str | Promise]]:
        """Column headings by field."""
        return row_texts()

    @property
    def has_errors(self) -> bool:
        """Whether anything was found wrong."""
        return bool(self.errors) or any(row.errors for row in self.rows)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong in rows, for the summary above the form."""
        return [
            Problem(
                f"rule-{number}-{name}",
                _("Rule %(n)s, %(field)s") % {"n": number + 1, "field": label},
                message,
            )
            for number, row in enumerate(self.rows)
            for name, label, message in row.said
        ]

    def apply(self, command: str) -> bool:
        """Carry out a button without scripts ("add", "remove:3", "up:3", "down:3"); False when it is none of these."""
        name, _colon, text = command.partition(":")
        place = int(text) if text.isdecimal() and len(text) < 10 else -1
        if name == "add":
            self.rows.append(self.blank)
        elif name == "remove" and 0 <= place < len(self.rows):
            del self.rows[place]
        elif name == "up" and 0 < place < len(self.rows):
            self._swap(place - 1, place)
        elif name == "down" and 0 <= place < len(self.rows) - 1:
            self._swap(place, place + 1)
        else:
            return name in {"remove", "up", "down"}
        return True

    def check(self) -> bool:
        """Mark what is wrong; True when nothing is."""
        try:
            parse_rules(self.entries)
        except Invalid as error:
            self.mark(error)
            return False
        return True

    def mark(self, error: Invalid) -> None:
        """Put a refusal's messages at the rows and fields it names; the rest stands above the rows."""
        filled = [row for row in self.rows if not row.is_blank]
        for path, messages in error.fields.items():
            rules, _dot, rest = path.partition(".")
            place, _dot, name = rest.partition(".")
            if rules == "rules" and place.isdecimal() and name in FIELDS:
                filled[int(place)].errors[name] = list(messages)
            else:
                self.errors += messages

    def _swap(self, one: int, other: int) -> None:
        self.rows[one], self.rows[other] = self.rows[other], self.rows[one]
