"""The scenarios that come with the package, each a TOML file in this folder."""

from pathlib import Path

from bench.scenario import Scenario, ScenarioError, load

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the catalogue's scenarios, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find(scenario: str | Path) -> Scenario:
    """Return the catalogue's scenario of that name, or the one in that TOML file.

    Raises ScenarioError.
    """
    if isinstance(scenario, Path) or scenario.endswith(".toml"):
        return load(Path(scenario))
    if scenario not in names():
        raise ScenarioError(
            f"{scenario}: no such scenario; expected a .toml file or one of {', '.join(names())}"
        )
    return load(FOLDER / f"{scenario}.toml")
