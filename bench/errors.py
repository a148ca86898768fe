"""What can go wrong in the bench, each a line for people; the command line exits with its code."""


class BenchError(Exception):
    """An error of the bench: one line that says what is wrong and what was expected."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the line, as the command line does."""
        return [f"{type(self).__name__}: {self}"]
