"""The program `p2p`: answers signals before it takes the time to import its commands."""

import io
import sys

from p2p.command import interrupt


def main() -> None:
    """Run the command line; every error is one line on stderr, with an exit code of its own."""
    interrupt.answer()
    # Here and not above: an import of a tenth of a second can be interrupted too.
    from p2p.command.app import execute

    # The name of a folder need not be UTF-8, and comes out as it is.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    sys.exit(execute())


if __name__ == "__main__":
    main()
