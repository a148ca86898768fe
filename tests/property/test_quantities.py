"""host.quantities: printing and parsing are exact inverses."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from host.quantities import LARGEST_SIZE, RATES, Duration, QuantityError, Rate, Share, Size

finite = st.floats(min_value=0, max_value=1e300, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=LARGEST_SIZE))
def test_sizes_round_trip(value: int) -> None:
    assert Size.parse(str(Size(value))) == value


@settings(max_examples=100, deadline=None)
@given(finite | st.just(math.inf))
def test_rates_round_trip(value: float) -> None:
    assert Rate.parse(str(Rate(value))) == value


@settings(max_examples=100, deadline=None)
@given(finite)
def test_durations_round_trip(value: float) -> None:
    assert Duration.parse(str(Duration(value))) == value


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1))
def test_shares_round_trip(value: float) -> None:
    assert Share.parse(str(Share(value))) == value


@settings(max_examples=100, deadline=None)
@given(st.decimals(min_value=0, max_value=9999, places=3), st.sampled_from(sorted(RATES)))
def test_whatever_is_written_prints_to_the_same_value(number: object, unit: str) -> None:
    rate = Rate.parse(f"{number} {unit}")
    assert Rate.parse(str(rate)) == rate


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.eE+- kMGTiBbith/smn\n", max_size=20))
def test_any_text_is_a_size_or_a_quantity_error(text: str) -> None:
    try:
        assert 0 <= Size.parse(text) <= LARGEST_SIZE
    except QuantityError as error:
        assert "\n" not in str(error)
