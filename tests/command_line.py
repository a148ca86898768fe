"""Runs the command line `bench` inside a test's own process."""

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from bench.cli import main

Bench = Callable[..., tuple[int, str, str]]
"""Runs `bench` with these arguments; returns its exit code, stdout and stderr."""


def bench_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    """Give what runs `bench`, for a fixture; signals are handled afterwards as they were before."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code or 0
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
