"""Programs of others that tests need: where one is missing a test is skipped, and fails in CI."""

import importlib
import os
import shutil
from typing import Any, NoReturn

import pytest


def unavailable(why: str) -> NoReturn:
    """This test cannot be run here."""
    if os.environ.get("CI"):
        pytest.fail(f"{why}, and CI leaves no test out", pytrace=False)
    pytest.skip(why, allow_module_level=True)


def needs(program: str) -> str:
    """The path of a program."""
    path = shutil.which(program)
    return path or unavailable(f"{program} is not installed")


def needs_module(name: str) -> Any:
    """A Python module; at the top of a file it is needed by all of the file's tests."""
    try:
        return importlib.import_module(name)
    except ImportError:
        unavailable(f"{name} is not installed")
