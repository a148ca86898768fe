"""Sizes, rates, durations and shares as people write them: `4 MiB`, `10 Mbit/s`, `20 ms`, `2%`.

`str(quantity)` parses back to the same value, to the last bit.
"""

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Self

BYTES: Mapping[str, Fraction] = {
    "bit": Fraction(1, 8),
    "kbit": Fraction(10**3, 8),
    "Mbit": Fraction(10**6, 8),
    "Gbit": Fraction(10**9, 8),
    "B": Fraction(1),
    "kB": Fraction(10**3),
    "MB": Fraction(10**6),
    "GB": Fraction(10**9),
    "TB": Fraction(10**12),
    "KiB": Fraction(2**10),
    "MiB": Fraction(2**20),
    "GiB": Fraction(2**30),
    "TiB": Fraction(2**40),
}
SECONDS: Mapping[str, Fraction] = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
}
RATES: Mapping[str, Fraction] = {
    f"{unit}/{per}": size / SECONDS[per]
    for per in ("s", "min", "h")
    for unit, size in BYTES.items()
}

# Units to print in, best first where two are equally short: sizes are counted in bytes, rates sold
# in bits.
_SIZES_SHOWN = ("TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB", "kB", "B")
_RATES_SHOWN = tuple(
    f"{unit}/{per}"
    for per in ("s", "min", "h")
    for unit in ("Gbit", "Mbit", "kbit", "GiB", "MiB", "KiB", "B", "bit")
)
_DURATIONS_SHOWN = ("h", "min", "s", "ms")

# The digits are bounded, so that a hostile text cannot ask for an enormous number.
_NUMBER = re.compile(r"(\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?)\s*(\S*)", re.ASCII)


LARGEST_SIZE = 2**63 - 1  # what a file system and a results file can count


class QuantityError(ValueError):
    """A text that is no such quantity: one line with the text and what was expected."""


class Size(int):
    """Bytes."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `4 MiB` or `15 Gbit`, to the nearest byte. Raises QuantityError."""
        value = _exact(text, BYTES)
        if value is None:
            raise QuantityError(f"{text!r} is not a size; expected e.g. '4 MiB' or '15 Gbit'")
        if value > LARGEST_SIZE:
            raise QuantityError(f"{text!r} is too large; expected less than {2**23} TiB")
        return cls(round(value))

    def __str__(self) -> str:
        return _shortest(self, _SIZES_SHOWN, BYTES) or f"{int(self)} B"

    def about(self) -> str:
        """Return the size to four digits, for the eye: `1.746 GiB`."""
        unit = next((unit for unit in ("TiB", "GiB", "MiB", "KiB") if self >= BYTES[unit]), "B")
        return f"{float(self / BYTES[unit]):.4g} {unit}"


class Rate(float):
    """Bytes per second; `math.inf` is unlimited."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10 Mbit/s`, `16 MiB/h` or `unlimited`. Raises QuantityError."""
        if text.strip() == "unlimited":
            return cls(math.inf)
        value = _exact(text, RATES)
        if value is None:
            raise QuantityError(f"{text!r} is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'")
        return cls(_to_float(value, text))

    def __str__(self) -> str:
        if self == math.inf:
            return "unlimited"
        return _shortest(self, _RATES_SHOWN, RATES) or f"{_plain(self)} B/s"


class Duration(float):
    """Seconds."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `20 ms` or `1 h`. Raises QuantityError."""
        value = _exact(text, SECONDS)
        if value is None:
            raise QuantityError(f"{text!r} is not a duration; expected e.g. '20 ms' or '1 h'")
        return cls(_to_float(value, text))

    def __str__(self) -> str:
        return _shortest(self, _DURATIONS_SHOWN, SECONDS) or f"{_plain(self)} s"


class Share(float):
    """A part of a whole, from 0 to 1."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2%` or `0.02`. Raises QuantityError."""
        match = _NUMBER.fullmatch(text.strip())
        if match is None or match[2] not in ("", "%"):
            raise QuantityError(f"{text!r} is not a share; expected e.g. '2%' or '0.02'")
        value = Fraction(match[1]) / (100 if match[2] else 1)
        if value > 1:
            raise QuantityError(f"{text!r} is more than the whole; expected a share up to 100%")
        return cls(float(value))

    def __str__(self) -> str:
        percent = f"{self * 100:.12g}%"
        return percent if "e" not in percent and Share.parse(percent) == self else _plain(self)


Quantity = Size | Rate | Duration | Share


def _exact(text: str, units: Mapping[str, Fraction]) -> Fraction | None:
    """Return the exact value of `text`, or None. Only 0 may go without a unit."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = Fraction(match[1]), match[2]
    if not unit:
        return number if number == 0 else None
    return number * units[unit] if unit in units else None


def _to_float(value: Fraction, text: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise QuantityError(f"{text!r} is too large; expected less than 1e308") from None


def _plain(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _shortest(
    value: Size | Rate | Duration, shown: Iterable[str], units: Mapping[str, Fraction]
) -> str | None:
    """Return the text with the fewest digits that parses to `value`; None when it has too many."""
    best, fewest = None, math.inf
    for unit in shown:
        number = float(Fraction(value) / units[unit])
        if not 1 <= number < 10_000:
            continue
        for decimals in range(5):
            figure = f"{number:.{decimals}f}"
            if type(value).parse(f"{figure} {unit}") == value:
                # 900 Mbit/h is shorter than 250 kbit/s, but nobody writes it: another time than
                # the second counts as two digits more.
                slow = unit.endswith(("/min", "/h"))
                digits = len(figure.replace(".", "").strip("0")) + 2 * slow
                if digits < fewest:
                    best, fewest = f"{figure} {unit}", digits
                break
    return best
