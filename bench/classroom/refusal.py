"""Why something asked for is not done: a key and values that a page words in its own language."""

from __future__ import annotations

from typing import Any, Literal

from bench.errors import BenchError

Key = Literal[
    "range",
    "quantity",
    "lesson",
    "student",
    "contested",
    "unknown",
    "late",
    "most",
    "full",
    "failed",
]
ENGLISH: dict[Key, str] = {
    "range": "{field}: {given!r}; expected {least} to {most}",
    "quantity": "{field}: {given!r}; expected e.g. {example!r}",
    "lesson": "lesson: {given!r}; expected one of {names}",
    "student": "only the teacher's page, the one with the token in its link, controls the run",
    "contested": "another page controls the run",
    "unknown": "a message that is none: {reason}",
    "late": "not possible now",
    "most": "expected at most {most} clients",
    "full": "{most} pages watch already; no more can",
    "failed": "the run ended: {message}",
}


class Refusal(BenchError):  # noqa: N818 - it reads as what it is
    """One thing not done; its text is English, for the command line."""

    def __init__(self, key: Key, **values: Any) -> None:
        super().__init__(ENGLISH[key].format(**values))
        self.key = key
        self.values = values

    def message(self) -> dict[str, Any]:
        """What a page is told."""
        return {"kind": "error", "key": self.key, **self.values}
