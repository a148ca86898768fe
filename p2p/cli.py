"""The program `p2p`: answers signals before it takes the time to import its commands."""

import sys

from p2p.command.program import P2P


def main() -> None:
    """Run the command line; every error is one line on stderr, with an exit code of its own."""
    P2P.answer()
    # Here and not above: an import of a tenth of a second can be interrupted too.
    from p2p.command.app import run_command

    sys.exit(run_command())


if __name__ == "__main__":
    main()
