"""The fixture of those tests in which our peers meet strangers."""

from functools import partial
from pathlib import Path

import pytest
from interop.stage import Play
from interop.stage import play as play_in


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run a scene in the test's folder: see `stage.play`."""
    return partial(play_in, folder=tmp_path)
