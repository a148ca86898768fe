"""One run of a program's command line: its errors become one line on stderr and an exit code."""

import io
import os
import signal
import sys
from collections.abc import Mapping

import typer

from host.program.arguments import ArgumentError
from host.program.program import INTERRUPTED, Program, handle

FAILED, USAGE, NOT_FOUND, DENIED, CORRUPT, DISK = 1, 2, 3, 4, 5, 6
"""Exit codes, beside INTERRUPTED."""


def execute(app: typer.Typer, program: Program, codes: Mapping[type[Exception], int]) -> int:
    """Run the command that the program was called with, and return its exit code.

    Every error that a user can meet is one line on stderr; the first class of `codes` that it is
    of gives its code.
    """
    # The name of a file need not be UTF-8, and comes out as it is.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    group = typer.main.get_command(app)
    try:
        try:
            # What is open is closed on the way out.
            handle(signal.default_int_handler)
            # Not by calling it: that would take interrupts and broken pipes for its own.
            with group.make_context(program.name, sys.argv[1:]) as context:
                group.invoke(context)
        finally:
            handle(program.leave)
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        # Who read our output has gone, as `head` does; what is left in the buffer has no reader.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except KeyboardInterrupt:
        program.say(program.interrupted)
        return INTERRUPTED
    except Exception as error:
        line, code = _told(error, {ArgumentError: USAGE, **codes})
        program.say(line)
        return code
    return 0


def _told(error: Exception, codes: Mapping[type[Exception], int]) -> tuple[str, int]:
    """What is said of an error, and its exit code; raises one that no user should meet."""
    for kind, code in codes.items():
        if isinstance(error, kind):
            return str(error), code
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}", DISK
    # What typer refuses: the class moves from version to version.
    if hasattr(error, "format_message"):
        return error.format_message(), USAGE
    raise error
