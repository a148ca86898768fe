"""central.access.store: grants are kept, changed by several programs, and never half written."""

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from central.access.grants import hash_token
from central.access.store import APPLICATION_ID, Store, new_token
from central.errors import GrantError, TokenFileError

ROOT = Path(__file__).parents[4]
BOTH = frozenset(("read", "write"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path, create=True)


def alter(path: Path, *statements: str) -> None:
    """Change the database behind the store's back."""
    database = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


def message(path: Path) -> str:
    with pytest.raises(TokenFileError) as caught:
        Store(path).grants()
    return str(caught.value)


# ---- what is kept


def test_tokens_are_long_and_all_different() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch("fsl_[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_grant_comes_back_as_it_was_made(store: Store, path: Path) -> None:
    made = store.grant(
        "bob", token="t", now=1.5, rights=BOTH, expires=9.25, rate=1024.0, downloads=3
    )
    plain = store.grant("alice", token="u", now=2.0)
    assert Store(path).grants() == [made, plain]
    assert (made.digest, made.used, made.revoked) == (hash_token("t"), 0.0, None)
    assert (plain.rights, plain.expires, plain.rate, plain.downloads) == (
        frozenset(["read"]),
        None,
        None,
        None,
    )


def test_the_token_itself_is_nowhere_on_the_disk(store: Store, path: Path) -> None:
    token = new_token()
    store.grant("bob", token=token, now=1.0)
    for file in path.parent.iterdir():
        assert token.encode() not in file.read_bytes()
        assert token[4:].encode() not in file.read_bytes()


def test_the_file_is_its_owners(path: Path) -> None:
    before = os.umask(0)
    try:
        Store(path, create=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_name_is_one_grants_in_force(store: Store) -> None:
    store.grant("bob", token="a", now=1.0, expires=5.0)
    with pytest.raises(GrantError) as caught:
        store.grant("bob", token="b", now=4.0)
    assert str(caught.value) == (
        "a grant called 'bob' is in force already; expected another name, or that one revoked first"
    )
    store.grant("bob", token="b", now=5.0)
    store.revoke("bob", now=6.0)
    store.grant("bob", token="c", now=6.0)
    assert [(each.name, each.revoked) for each in store.grants()] == [
        ("bob", None),
        ("bob", 6.0),
        ("bob", None),
    ]


def test_a_refused_grant_leaves_nothing(store: Store, path: Path) -> None:
    store.grant("bob", token="a", now=1.0)
    before = path.read_bytes()
    for name in ("bob", "two words"):
        with pytest.raises(GrantError):
            store.grant(name, token="b", now=1.0)
    with pytest.raises(GrantError, match="expected a new one"):
        store.grant("other", token="a", now=1.0)
    assert path.read_bytes() == before


def test_revoking_by_name_and_by_id(store: Store) -> None:
    bob = store.grant("bob", token="a", now=1.0)
    alice = store.grant("alice", token="b", now=1.0)
    assert store.revoke("bob", now=2.0) == bob
    assert store.revoke(alice.id[:6], now=3.0) == alice
    assert [each.revoked for each in store.grants()] == [2.0, 3.0]
    with pytest.raises(GrantError, match="no grant in force is called 'bob'"):
        store.revoke("bob", now=4.0)


def test_uses_add_up_and_never_fall_below_none(store: Store) -> None:
    digests = [store.grant(name, token=name, now=1.0).digest for name in ("a", "b")]
    store.add_uses({digests[0]: 1.5, digests[1]: 0.25})
    store.add_uses({digests[0]: -0.5, digests[1]: -1.0, "gone": 7.0})
    assert [each.used for each in store.grants()] == [1.0, 0.0]


# ---- news


def test_news_come_once_for_each_change(store: Store, path: Path) -> None:
    assert store.news() == []
    assert store.news() is None
    bob = Store(path).grant("bob", token="a", now=1.0)
    assert store.news() == [bob]
    assert store.news() is None
    store.add_uses({bob.digest: 1.0})
    news = store.news()
    assert news is not None
    assert [each.used for each in news] == [1.0]
    assert store.news() is None
    store.close()


def test_while_somebody_writes_there_are_no_news(store: Store, path: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert store.news() is None
    writer.execute("COMMIT")
    writer.close()
    assert store.news() == []
    store.close()


def test_another_file_in_the_same_place_is_news(store: Store, path: Path, tmp_path: Path) -> None:
    store.grant("bob", token="a", now=1.0)
    assert store.news() is not None
    other = Store(tmp_path / "other", create=True)
    alice = other.grant("alice", token="b", now=1.0)
    other.path.replace(path)
    assert store.news() == [alice]
    path.unlink()
    with pytest.raises(TokenFileError):
        store.news()
    bob = Store(path, create=True).grant("bob", token="a", now=2.0)
    assert store.news() == [bob]
    store.close()


# ---- files that are something else


def test_a_missing_file_is_not_made_unasked(path: Path) -> None:
    assert message(path) == f"there is no {path}; granting a token makes a token file"
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "tokens"
    with pytest.raises(TokenFileError, match=f"^there is no folder {path.parent} "):
        Store(path, create=True)


def test_a_text_file(path: Path) -> None:
    path.write_text("bob:secret\n" * 100)
    assert message(path) == f"{path} is not a token file"
    assert path.read_text() == "bob:secret\n" * 100


def test_a_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"{tmp_path}: unable to open database file; expected a token file that can be read and "
        "written"
    )


def test_somebody_elses_database(path: Path) -> None:
    alter(path, "CREATE TABLE songs (name TEXT)")
    before = path.read_bytes()
    assert message(path) == f"{path} is a database of something else; expected a token file"
    assert path.read_bytes() == before


def test_a_file_of_a_later_version(store: Store, path: Path) -> None:
    alter(path, "PRAGMA user_version = 2")
    assert message(path) == (
        f"{path} has version 2 of the format; expected 1, the one that this program knows"
    )


def test_an_empty_file_becomes_a_token_file(path: Path) -> None:
    path.touch(mode=0o600)
    assert Store(path).grants() == []
    assert int.from_bytes(path.read_bytes()[68:72]) == APPLICATION_ID


@pytest.mark.parametrize(
    "change",
    [
        "digest = 'short'",
        "name = 'two words'",
        "rights = ''",
        "rights = 'read everything'",
        "granted = 'yesterday'",
        "expires = 0",
        "rate = -1",
        "rate = x'00'",
        "downloads = 1.5",
        "used = 'much'",
        "name = cast(x'ff' AS TEXT)",
    ],
)
def test_a_row_that_makes_no_sense(store: Store, path: Path, change: str) -> None:
    store.grant("bob", token="a", now=1.0)
    alter(path, f"UPDATE grants SET {change}")
    assert len(message(path).splitlines()) == 1


def test_a_file_cut_short(store: Store, path: Path) -> None:
    for number in range(200):
        store.grant(f"n{number}", token=str(number), now=1.0)
    os.truncate(path, path.stat().st_size // 2)
    assert message(path) == f"{path} is damaged; expected a token file"


def test_a_busy_file_is_waited_for_and_then_given_up(store: Store, path: Path) -> None:
    bob = store.grant("bob", token="a", now=1.0)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(TokenFileError) as caught:
        store.add_uses({bob.digest: 1.0}, 0.01)
    writer.close()
    assert str(caught.value) == f"{path} is being written by another program; try again"
    store.add_uses({bob.digest: 1.0}, 0.01)
    assert store.grants()[0].used == 1.0


# ---- several programs, and their end

GRANT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from central.access.store import Store
store = Store(Path(sys.argv[1]), create=True)
first = store.grant(sys.argv[2], token=sys.argv[2], now=1.0)
for number in itertools.count(1):
    name = f"{sys.argv[2]}-{number}"
    store.grant(name, token=name, now=1.0)
    store.add_uses({first.digest: 1.0})
    print(number, flush=True)
"""


def test_killed_in_the_middle_of_writing(path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", GRANT_FOR_EVER, path, name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    done = {}
    for name, lines, writer in zip("ab", (5, 13), writers, strict=True):
        with writer:
            assert writer.stdout is not None
            for _ in range(lines):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            told = writer.stdout.read().split()
            done[name] = int(told[-1]) if told else lines
    # Each was at work on its next grant, or its use, when it ended.
    grants = {each.name: each for each in Store(path).grants()}
    for name, count in done.items():
        assert {f"{name}-{number}" for number in range(1, count + 1)} <= grants.keys()
        assert f"{name}-{count + 2}" not in grants
        assert count <= grants[name].used <= count + 1
    Store(path).grant("after", token="after", now=1.0)
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
