"""What a claim's settings may be: annotations for `measure`, checked before anything runs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
"""1 or more."""
Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Number = Annotated[int, Meta(ge=0)]
"""0 or more."""
Numbers = Annotated[tuple[Number, ...], Meta(min_length=1)]
Amount = Annotated[float, Meta(ge=0, lt=1e12)]
"""A quantity of 0 or more."""
Percent = Annotated[float, Meta(ge=0, lt=100)]
