"""The table of what was broken and what became of it, for people; docs/recovery.md keeps one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.recovery.crash.points import Way
from tests.recovery.crash.verdicts import Outcome, Verdict

BEGIN, END = "<!-- begin: written by tests/recovery/test_crash_points.py -->", "<!-- end -->"
HEAD = (
    "verb",
    "at driver calls",
    "at statements and commits",
    "pushed aside",
    "tried in all",
    "never accepted",
    "settled by themselves",
    "offered for repair",
    "leaked",
    "stuck",
    "longest to settle (s)",
)


def rows(verdicts: Iterable[Verdict], leaks: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a line for each verb, and one for all; `leaks` are the audit's sentences."""
    by_verb: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_verb[verdict.point.verb].append(verdict)
    lines = [_row(verb, of_verb, _leaks_of(of_verb, leaks)) for verb, of_verb in by_verb.items()]
    everything = [verdict for of_verb in by_verb.values() for verdict in of_verb]
    return [*lines, _row("**all**", everything, len(leaks))]


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return the table as Markdown."""
    aligned = ("---", *("---:" for _ in HEAD[1:]))
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEAD, aligned, *lines))


def write_into(page: Path, table: str) -> None:
    """Replace what stands between the page's two marks."""
    before, rest = page.read_text().split(BEGIN)
    _old, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def _row(verb: str, verdicts: Sequence[Verdict], leaks: int) -> tuple[str, ...]:
    of_outcome = Counter(verdict.outcome for verdict in verdicts)
    kinds = Counter(_kind(verdict) for verdict in verdicts)
    return (
        verb,
        str(kinds["call"]),
        str(kinds["statement"]),
        str(kinds["pushed"]),
        str(len(verdicts)),
        str(of_outcome[Outcome.NEVER]),
        str(of_outcome[Outcome.SETTLED]),
        str(of_outcome[Outcome.OFFERED]),
        str(leaks),
        str(of_outcome[Outcome.STUCK] + of_outcome[Outcome.UNCLEAR]),
        f"{max((verdict.seconds for verdict in verdicts), default=0.0):.0f}",
    )


def _kind(verdict: Verdict) -> str:
    if verdict.point.then:
        return "pushed"
    at_statement = verdict.point.way in (Way.KILL_AT_STATEMENT, Way.KILL_UNCOMMITTED, Way.KILL_COMMITTED)
    return "statement" if at_statement else "call"


def _leaks_of(verdicts: Sequence[Verdict], leaks: Sequence[str]) -> int:
    targets = {target for verdict in verdicts for target in verdict.targets}
    return sum(any(target in sentence for target in targets) for sentence in leaks)
