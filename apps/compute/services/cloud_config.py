"""What is wrong with a #cloud-config, by line and column, and with a MIME message that has some of them."""

from __future__ import annotations

import email
import re
from email.message import Message
from typing import Any

import yaml
from django.utils.translation import gettext as _

#: cloud-init reads YAML by recursion.
DEEPEST = 100
#: Of a MIME message. The parser works by recursion, and looks at each line once for every container around it.
MOST_CONTAINERS = 20
_CONTAINER = re.compile(r"content-type:\s*(?:multipart|message)/", re.IGNORECASE)


def cloud_config_error(text: str, *, archive: bool = False) -> str:
    """Return why a guest could not read this #cloud-config (or #cloud-config-archive), "" if it can.

    The text is read event by event: building its values would let a small text take much memory and time.
    """
    try:
        return _first_error(text, yaml.SequenceStartEvent if archive else yaml.MappingStartEvent)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _at(mark, error.problem or error.context or "") if mark else _not_yaml(str(error))
    except yaml.YAMLError as error:
        return _not_yaml(str(error))


def top_level_keys(text: str) -> set[str]:
    """Return the keys that a #cloud-config without errors sets."""
    found, depth, is_key = set[str](), 0, True
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if depth == 1 and isinstance(event, yaml.NodeEvent):
            if is_key and isinstance(event, yaml.ScalarEvent):
                found.add(event.value)
            is_key = not is_key
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
    return found


def mime_error(text: str) -> str:
    """Return why a guest could not read this MIME message, "" if it can."""
    if len(_CONTAINER.findall(text)) > MOST_CONTAINERS:
        return _("The MIME message has more than %(n)s multipart sections.") % {"n": MOST_CONTAINERS}
    message = email.message_from_string(text.lstrip())
    if message.get_content_maintype() == "multipart" and not message.is_multipart():
        return _("The MIME message has no parts. Check its boundary.")
    for number, part in enumerate((p for p in message.walk() if not p.is_multipart()), 1):
        error = _part_error(part)
        if error:
            return _("MIME part %(number)s: %(error)s") % {"number": number, "error": error}
    return ""


def _part_error(part: Message) -> str:
    content = part.get_payload(decode=True)
    if part.get_content_type() != "text/cloud-config" or not isinstance(content, bytes):
        return ""
    try:
        return cloud_config_error(content.decode())
    except UnicodeDecodeError:
        return _("Not UTF-8 text.")


def _first_error(text: str, expected: type[yaml.Event]) -> str:
    depth, documents, anchors = 0, 0, set[str | None]()
    root: yaml.Event | None = None
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                return _at(event.start_mark, _("only one document is read"))
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                return _at(event.start_mark, _("undefined alias %(name)s") % {"name": event.anchor})
        elif isinstance(event, yaml.NodeEvent):
            root = root or event
            anchors.add(event.anchor)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return _at(event.start_mark, _("nested too deeply"))
    if root is None or isinstance(root, expected) or _is_empty(root):
        return ""
    wanted = _("a mapping (key: value)") if expected is yaml.MappingStartEvent else _("a list")
    return _at(root.start_mark, _("%(wanted)s is expected") % {"wanted": wanted})


def _is_empty(root: yaml.Event) -> bool:
    return isinstance(root, yaml.ScalarEvent) and root.value in ("", "~", "null")


def _at(mark: Any, problem: str) -> str:
    return _("Line %(line)s, column %(column)s is not valid YAML: %(problem)s.") % {
        "line": mark.line + 1,
        "column": mark.column + 1,
        "problem": problem,
    }


def _not_yaml(problem: str) -> str:
    return _("This is not valid YAML: %(problem)s.") % {"problem": problem.splitlines()[0]}
