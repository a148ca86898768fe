"""A program's commands as its users run them: processes that are started, read and waited for."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

DEADLINE_S = 60  # for a busy machine; a command takes a second

SMALL_DISK = """
import resource
from {module} import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
main()
"""
SIGNAL_AT_IMPORT = """
import os, sys
name, number = sys.argv.pop(1), int(sys.argv.pop(1))
class Finder:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
from {module} import main
main()
"""

Command = subprocess.Popen[str]
Start = Callable[..., Command]


def program(module: str) -> Sequence[str]:
    """What runs a module of ours as a program."""
    return (sys.executable, "-W", "error", "-m", module)


def script(text: str, module: str) -> Sequence[str]:
    """What runs a module's `main` by one of the scripts above."""
    return (sys.executable, "-W", "error", "-c", text.format(module=module))


@contextmanager
def starting(folder: Path, usual: Sequence[str]) -> Iterator[Start]:
    """Start commands in `folder`, by the `usual` program or another; those that still run at the
    end are killed."""
    with ExitStack() as stack:

        def begin(
            *arguments: str,
            program: Sequence[str] = usual,
            environment: Mapping[str, str] | None = None,
        ) -> Command:
            process = stack.enter_context(
                subprocess.Popen(
                    [*program, *arguments],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield begin


def ended(process: Command, code: int = 0, err: str = "") -> str:
    """Wait for its end, which is this one; returns its stdout."""
    out, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said) == (code, err)
    return out


def records(out: str) -> list[dict[str, Any]]:
    """The objects of lines of JSON."""
    return [json.loads(line) for line in out.splitlines()]


def until(process: Command, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read its JSON lines as far as the one that has got there, which is returned."""
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if reached(told):
            return told
    raise AssertionError(process.communicate())


def content(path: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()
    }
