"""host.quantities: what people write, read and printed."""

import math

import pytest

from host.quantities import Duration, QuantityError, Rate, Share, Size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4 MiB", 4 * 2**20),
        ("4MiB", 4 * 2**20),
        ("64 KiB", 65536),
        ("1.5 KiB", 1536),
        ("15 Gbit", 1_875_000_000),
        ("1 TB", 10**12),
        ("8 bit", 1),
        ("1.1 GiB", 1_181_116_006),
        ("1e3 B", 1000),
        ("0", 0),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10 Mbit/s", 1_250_000.0),
        ("4 MiB/s", 4_194_304.0),
        ("16 MiB/h", 16 * 2**20 / 3600),
        ("30 kB/min", 500.0),
        ("unlimited", math.inf),
        ("0", 0.0),
    ],
)
def test_rates(text: str, rate: float) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    ("text", "seconds"), [("20 ms", 0.02), ("1 h", 3600.0), ("2.5 min", 150.0), ("0", 0.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Size, "4 MiB"),
        (Size, "64 KiB"),
        (Size, "1000 KiB"),
        (Size, "1.875 GB"),
        (Size, "999 B"),
        (Size, "123456789 B"),
        (Size, "0 B"),
        (Rate, "10 Mbit/s"),
        (Rate, "700 kbit/s"),
        (Rate, "250 kbit/s"),
        (Rate, "4 MiB/s"),
        (Rate, "160 MiB/h"),
        (Rate, "1 MiB/min"),
        (Rate, "512 KiB/s"),
        (Rate, "512 kbit/s"),
        (Rate, "100 B/s"),
        (Rate, "unlimited"),
        (Rate, "0 B/s"),
        (Duration, "20 ms"),
        (Duration, "90 s"),
        (Duration, "1 h"),
        (Duration, "0 s"),
        (Share, "2%"),
        (Share, "0.1%"),
        (Share, "100%"),
        (Share, "0%"),
    ],
)
def test_printed_as_written(kind: type[Size | Rate | Duration | Share], text: str) -> None:
    assert str(kind.parse(text)) == text
    assert f"{kind.parse(text)}" == text


def test_about_is_for_the_eye() -> None:
    assert Size.parse("15 Gbit").about() == "1.746 GiB"
    assert Size.parse("4 MiB").about() == "4 MiB"
    assert Size(12).about() == "12 B"


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        (Size, "5", "'5' is not a size; expected e.g. '4 MiB' or '15 Gbit'"),
        (Size, "-4 MiB", "'-4 MiB' is not a size; expected e.g. '4 MiB' or '15 Gbit'"),
        (Size, "4 mib", "'4 mib' is not a size; expected e.g. '4 MiB' or '15 Gbit'"),
        (Size, "1e300 TiB", "'1e300 TiB' is too large; expected less than 8388608 TiB"),
        (Rate, "10 Mbits", "'10 Mbits' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'"),
        (Rate, "10 MiB", "'10 MiB' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'"),
        (Rate, "inf", "'inf' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'"),
        (Rate, "1e308 TB/s", "'1e308 TB/s' is too large; expected less than 1e308"),
        (Duration, "", "'' is not a duration; expected e.g. '20 ms' or '1 h'"),
        (Share, "two%", "'two%' is not a share; expected e.g. '2%' or '0.02'"),
        (Share, "101%", "'101%' is more than the whole; expected a share up to 100%"),
        (Share, "-1%", "'-1%' is not a share; expected e.g. '2%' or '0.02'"),
        (Duration, "1 week", "'1 week' is not a duration; expected e.g. '20 ms' or '1 h'"),
    ],
)
def test_refusals_say_what_was_expected(
    kind: type[Size | Rate | Duration | Share], text: str, line: str
) -> None:
    with pytest.raises(QuantityError) as refusal:
        kind.parse(text)
    assert str(refusal.value) == line


def test_a_hostile_number_is_refused_before_it_is_computed() -> None:
    with pytest.raises(QuantityError, match="is not a size"):
        Size.parse("9" * 5000 + " B")
    with pytest.raises(QuantityError, match="is not a size"):
        Size.parse("1e999999999 B")


def test_a_share_goes_with_or_without_its_sign() -> None:
    assert Share.parse("2%") == Share.parse("0.02") == Share.parse(" 2 % ") == 0.02
    assert str(Share(1 / 3)) == repr(1 / 3)
