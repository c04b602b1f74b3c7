"""The verbs of hosts, read from their protocols.

A verb is declared once: it is a method of a protocol in `protocols.py`. What the control plane sends (`remote.py`) and
what an agent carries out (`apps.agent.verbs`) are both built from its signature, by `verbs_of`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Options:
    changes: bool = True
    subject: str | None = None
    long: bool = False


_options: dict[Callable[..., Any], _Options] = {}


def host_verb(*, changes: bool = True, subject: str | None = None, long: bool = False) -> Callable[[F], F]:
    """Say of a protocol's method what its signature does not; one without this decorator has the defaults.

    `changes`: it carries a fence, and only one at a time runs for its subject. `subject`: the argument that says which
    VM, volume, image or pool it is about; by default the first. `long`: it may outlast an order; the agent goes on with
    it, and the caller asks again (`host.still_working`).
    """

    def mark(method: F) -> F:
        _options[method] = _Options(changes, subject, long)
        return method

    return mark


@dataclass(frozen=True, slots=True)
class Verb:
    """One method of a protocol: `name` is "hypervisor.ensure_vm", `arguments` the frozen struct a call travels as."""

    name: str
    method: Callable[..., Any]
    signature: inspect.Signature
    arguments: type[msgspec.Struct]
    result: Any
    changes: bool
    subject: str
    long: bool

    def pack(self, *values: Any, **named: Any) -> msgspec.Struct:
        """Return a call's arguments, its defaults among them. Raises TypeError as the call itself would."""
        bound = self.signature.bind(*values, **named)
        bound.apply_defaults()
        return self.arguments(**bound.arguments)

    def call(self, driver: object, arguments: msgspec.Struct) -> Any:
        """Call the driver's method of that name, positional arguments by position."""
        bound = self.signature.bind(**msgspec.structs.asdict(arguments))
        return getattr(driver, self.method.__name__)(*bound.args, **bound.kwargs)

    def subject_of(self, arguments: msgspec.Struct) -> str:
        """Return the identifier of what the call is about, "" when it is about the host itself."""
        if not self.subject:
            return ""
        value = getattr(arguments, self.subject)
        return value if isinstance(value, str) else str(value.id)


@cache
def verbs_of(protocol: type) -> dict[str, Verb]:
    """Return the verbs of a protocol by method name: all its public methods.

    Raises TypeError for a method that both ends cannot be built from.
    """
    methods = inspect.getmembers(protocol, inspect.isfunction)
    return {name: _read(protocol, method) for name, method in methods if not name.startswith("_")}


def _read(protocol: type, method: Callable[..., Any]) -> Verb:
    signature = inspect.signature(method)
    _self, *parameters = signature.parameters.values()
    hints = get_type_hints(method, include_extras=True)
    options = _options.get(method, _Options())
    return Verb(
        name=f"{protocol.__name__.lower()}.{method.__name__}",
        method=method,
        signature=signature.replace(parameters=parameters),
        arguments=_arguments(method, parameters, hints),
        result=hints["return"],
        changes=options.changes,
        subject=_subject(method, options.subject, parameters, hints),
        long=options.long,
    )


def _arguments(
    method: Callable[..., Any], parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> type[msgspec.Struct]:
    """Return the struct that a call travels as: what it does not name, or of another type, is not decoded."""
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{method.__qualname__}: {parameter} has no name to travel by")
    return msgspec.defstruct(
        f"{method.__name__}_arguments",
        [(parameter.name, hints[parameter.name]) for parameter in parameters],
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _subject(
    method: Callable[..., Any], chosen: str | None, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> str:
    subject = chosen if chosen is not None else parameters[0].name if parameters else ""
    if subject and not _identifies(hints[subject]):
        raise TypeError(f"{method.__qualname__}: {subject!r} does not say what the verb is about")
    return subject


def _identifies(hint: Any) -> bool:
    """Whether it is an identifier, or a spec that has one."""
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return plain is str or (isinstance(plain, type) and get_type_hints(plain).get("id") is str)
