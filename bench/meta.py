"""Where results come from: versions, machine and commit, enough to run them again."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RUN_RECORD, CLAIM_RECORD = "meta.json", "finding.json"
"""The files by which a folder is known to hold the results of a run, or of a claim."""

PACKAGES = ("fileshare-lab", "asyncio-dgram", "h11", "msgspec", "networkx", "numpy", "pandas")


def collect_meta() -> dict[str, Any]:
    """Return what can be told before a run, as JSON holds it."""
    return {
        "argv": sys.argv,
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
        },
        "commit": _commit(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _commit() -> str | None:
    """Return the commit of the checkout that has this file, with `+` if files have changed."""
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    head, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return head and head + ("+" if changes else "")


def _git(*arguments: str) -> str | None:
    """Return what git prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()
