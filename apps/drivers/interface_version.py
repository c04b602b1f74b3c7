"""A version that follows from the host protocols: two ends with the same one understand each other.

It is a digest of every verb: its name, options, arguments and answer, with all fields of all types in them.
"""

import dataclasses
import enum
import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from apps.drivers.host_verbs import Verb, verbs_of

DIGITS = 12


def interface_version(*protocols: type) -> str:
    """Return the version of these protocols. Documentation and the order of methods do not change it."""
    lines = sorted(
        {line for protocol in protocols for verb in verbs_of(protocol).values() for line in _verb(verb)}
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]


def _verb(verb: Verb) -> Iterator[str]:
    parameters = ", ".join(
        f"{name}{'' if parameter.default is parameter.empty else f'={parameter.default!r}'}"
        for name, parameter in verb.signature.parameters.items()
    )
    yield f"{verb.name}({parameters}) {verb.subject} changes={verb.changes} long={verb.long}"
    for field in msgspec.structs.fields(verb.arguments):
        yield f"{verb.name}.{field.name}: {_name(field.type)}"
        yield from _parts(field.type)
    yield f"{verb.name} -> {_name(verb.result)}"
    yield from _parts(verb.result)


def _parts(hint: Any) -> Iterator[str]:
    """Yield a line for each field or value of each class that a hint names, its fields' classes included."""
    for part in get_args(hint):
        yield from _parts(part)
    if not isinstance(hint, type):
        return
    if issubclass(hint, enum.Enum):
        yield from (f"{_name(hint)}: {member.value!r}" for member in hint)
    elif dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        for field in dataclasses.fields(hint):
            yield f"{_name(hint)}.{field.name}: {_name(hints[field.name])}{_default(field)}"
            yield from _parts(hints[field.name])


def _default(field: "dataclasses.Field[Any]") -> str:
    return "" if field.default is dataclasses.MISSING else f" = {field.default!r}"


def _name(hint: Any) -> str:
    """Return a hint's name, the same in every process."""
    if get_origin(hint) is Annotated:
        kind, *limits = get_args(hint)
        return f"{_name(kind)} {limits!r}"
    if args := get_args(hint):
        return f"{getattr(get_origin(hint), '__name__', 'Union')}[{', '.join(map(_name, args))}]"
    return hint.__name__ if isinstance(hint, type) else repr(hint)
