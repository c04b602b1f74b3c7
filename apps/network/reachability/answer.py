"""The answer: the steps from one end to the other, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts.rights import Rights
from apps.lifecycle.actor import Actor
from apps.network.reachability.endpoints import find_ends
from apps.network.reachability.flow import Flow, version_of
from apps.network.reachability.path import Path
from apps.network.reachability.steps import STEPS, Result, Step, result_of
from apps.network.segment_plan import is_address


@dataclass(frozen=True)
class Answer:
    """Whether one VM reaches another, and by which steps."""

    path: Path
    steps: list[Step]

    @property
    def result(self) -> Result:
        """What all steps come to."""
        return result_of(self.steps)

    @property
    def cause(self) -> Step | None:
        """The first step that is not ok, blocked ones first; None when all are ok."""
        return next((step for step in self.steps if step.result == self.result != Result.OK), None)

    @property
    def text(self) -> str:
        """The answer in one sentence."""
        names = {"a": self.path.source.owner.name, "b": self.path.target.owner.name, "flow": self.path.flow}
        texts = {
            Result.OK: _("%(a)s can reach %(b)s by %(flow)s."),
            Result.BLOCKED: _("%(a)s cannot reach %(b)s by %(flow)s."),
            Result.UNKNOWN: _("Not certain whether %(a)s can reach %(b)s by %(flow)s."),
        }
        return texts[self.result] % names

    @property
    def hint(self) -> str:
        """What to do next."""
        if self.cause is not None:
            return self.cause.hint
        return _("If it fails nevertheless, check the firewall and the service in the guest.")


def check_reachability(actor: Actor, source: str, target: str, flow: Flow) -> Answer:
    """Answer from the database. Raises Invalid at `from`, `to` or `protocol`."""
    version = version_of(flow, [text.strip() for text in (source, target) if is_address(text.strip())])
    first, second, outside = find_ends(actor, source, target)
    path = Path(Rights(actor), first, second, flow, outside, version)
    steps = [step for slot in sorted(STEPS, key=lambda slot: slot.place) for step in slot.steps(path)]
    return Answer(path, steps)
