"""The options that several programs take."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from host.program.arguments import ArgumentError, link_rate
from host.quantities import QuantityError, Rate

T = TypeVar("T")


def _read_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """The parser as typer wants it: what is wrong is said with the option's name."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except (QuantityError, ArgumentError) as error:
            raise typer.BadParameter(str(error)) from None

    return convert


def option(
    name: str,
    metavar: str,
    help_: str,
    parse: Callable[[str], Any] = str,
    variable: str | None = None,
) -> Any:
    """An option whose text is read by `parse`, which raises ArgumentError or QuantityError.

    Where it is not given, the environment's `variable` is.
    """
    return typer.Option(
        f"--{name}",
        metavar=metavar,
        help=help_,
        parser=_read_by(parse),
        envvar=variable,
        show_default=False,
    )


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
RateOption = Rate | None
UpLimit = Annotated[
    RateOption, option("up-limit", "RATE", "Send no faster, e.g. '10 Mbit/s'.", link_rate)
]
DownLimit = Annotated[
    RateOption, option("down-limit", "RATE", "Receive no faster, e.g. '4 MiB/s'.", link_rate)
]
