"""The program `central`: answers signals before it takes the time to import its commands."""

import sys

from central.command.program import CENTRAL


def main() -> None:
    """Run the command line; every error is one line on stderr, with an exit code of its own."""
    CENTRAL.answer()
    # Here and not above: an import of a tenth of a second can be interrupted too.
    from central.command.app import run_command

    sys.exit(run_command())


if __name__ == "__main__":
    main()
