"""Holds the house together: which way imports point, what is pure, how large a file may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "host": set(),
    "central": {"host"},
    "p2p": {"host"},
    "bench": {"host", "central", "p2p"},
}
"""For each package the others that it may import."""

PURE = [
    "bench/classroom/admission.py",
    "bench/classroom/asking.py",
    "bench/classroom/frames.py",
    "bench/classroom/layout.py",
    "bench/classroom/lessons.py",
    "bench/classroom/refusal.py",
    "bench/classroom/settings.py",
    "bench/classroom/watchers.py",
    "bench/faults.py",
    "bench/lecture/calls.py",
    "bench/lecture/ladder.py",
    "bench/lecture/page.py",
    "bench/theory.py",
    "central/access/admission.py",
    "central/access/grants.py",
    "central/access/log.py",
    "central/access/pace.py",
    "central/access/uses.py",
    "central/channel/deadlines.py",
    "central/channel/frames.py",
    "central/channel/news.py",
    "central/command/arguments.py",
    "central/config.py",
    "central/http/answer.py",
    "central/http/body.py",
    "central/http/conditions.py",
    "central/http/dates.py",
    "central/http/fields.py",
    "central/http/heads.py",
    "central/http/page.py",
    "central/http/ranges.py",
    "central/http/request.py",
    "central/http/target.py",
    "central/library/changes.py",
    "central/link.py",
    "central/paths.py",
    "central/tftp/options.py",
    "central/tftp/packets.py",
    "central/tftp/receiving.py",
    "central/tftp/sending.py",
    "central/tftp/timer.py",
    "host/link.py",
    "host/loss.py",
    "host/program/arguments.py",
    "host/program/gauge.py",
    "host/quantities.py",
    "p2p/allowed_fast.py",
    "p2p/announcement.py",
    "p2p/bencode.py",
    "p2p/bitfields.py",
    "p2p/choker.py",
    "p2p/command/arguments.py",
    "p2p/dht/announced.py",
    "p2p/dht/answers.py",
    "p2p/dht/config.py",
    "p2p/dht/copies.py",
    "p2p/dht/flood.py",
    "p2p/dht/items.py",
    "p2p/dht/krpc.py",
    "p2p/dht/lookup.py",
    "p2p/dht/messages.py",
    "p2p/dht/routing.py",
    "p2p/dht/tokens.py",
    "p2p/disk/layout.py",
    "p2p/endgame.py",
    "p2p/extension.py",
    "p2p/gossip.py",
    "p2p/magnet.py",
    "p2p/messages.py",
    "p2p/metainfo.py",
    "p2p/names.py",
    "p2p/picker.py",
    "p2p/progress.py",
    "p2p/superseed.py",
    "p2p/suspects.py",
    "p2p/trials.py",
    "p2p/turnover.py",
    "p2p/wire.py",
]
IMPURE = {"asyncio", "socket", "time", "selectors", "threading", "subprocess"}
BANNED_NAMES = {"utils", "util", "common", "helpers", "misc", "manager", "base"}
MOST_LINES = 400


def sources() -> Iterator[Path]:
    for package in MAY_IMPORT:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, those for type checking only included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = ROOT.joinpath(*name.split(".")).with_suffix(".py").exists()
                yield name if is_module else node.module


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = list(sources())
IDS = [str(path.relative_to(ROOT)) for path in SOURCES]


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 40


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_imports_point_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    used = {name.split(".")[0] for name in imports(path)} & MAY_IMPORT.keys()
    assert used - {package} <= MAY_IMPORT[package]


def test_no_module_imports_itself_in_a_circle() -> None:
    names = {module_name(path): path for path in SOURCES}
    graph = {
        name: {other for other in imports(path) if other in names and other != name}
        for name, path in names.items()
    }
    # Take away, again and again, the modules that need nothing that is left.
    while free := [name for name, needs in graph.items() if not needs & graph.keys()]:
        for name in free:
            del graph[name]
    assert sorted(graph) == []


@pytest.mark.parametrize("name", PURE)
def test_what_decides_is_pure(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    assert not {imported.split(".")[0] for imported in imports(ROOT / name)} & IMPURE
    drawn = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "random"
    }
    assert drawn <= {"Random"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_a_file_is_a_room(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= MOST_LINES
    assert path.stem not in BANNED_NAMES
    if text.strip():
        assert ast.get_docstring(tree), "no sentence that says what the module is"
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_only_the_clock_reads_the_machines_time(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    reads = {name for name in imports(path) if name.split(".")[0] == "time"}
    if package in ("central", "p2p", "host") and path.name != "clock.py":
        assert not reads


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_importing_starts_nothing(package: str) -> None:
    program = (
        f"import threading, {package}, sys, os\n"
        "assert threading.active_count() == 1\n"
        "links = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{n}')] if os.path.isdir('/proc/self/fd') else []\n"
        "assert not [link for link in links if link.startswith(('socket:', 'anon_inode:'))]\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
