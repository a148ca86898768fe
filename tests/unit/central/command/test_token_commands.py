"""central grant, revoke and tokens: what they print, and that a token is seen once."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from central.access.grants import hash_token
from central.access.store import Store

Command = Callable[..., tuple[int, str, str]]
FILE = ("--token-file", "tokens.db")


def one_line(err: str) -> str:
    assert err.startswith("central: ")
    assert err.count("\n") == 1
    return err[len("central: ") : -1]


def granted(command: Command, *arguments: str) -> str:
    """The token that the command prints."""
    code, out, err = command("grant", *arguments, *FILE)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"fsl_[A-Za-z0-9_-]{43}\n", out)
    return out.strip()


def test_a_token_is_printed_once_and_kept_nowhere(command: Command) -> None:
    token = granted(command, "alice")
    (grant,) = Store(Path("tokens.db")).grants()
    assert (grant.name, grant.digest, grant.rights) == ("alice", hash_token(token), {"read"})
    assert (grant.expires, grant.rate, grant.downloads) == (None, None, None)
    assert Path("tokens.db").stat().st_mode & 0o777 == 0o600
    for arguments in (("tokens",), ("tokens", "--json")):
        code, out, err = command(*arguments, *FILE)
        assert (code, err) == (0, "")
        assert "alice" in out
        assert token not in out
    assert token.encode() not in Path("tokens.db").read_bytes()


def test_what_a_grant_may_be_limited_to(command: Command) -> None:
    options = ["--write", "--expires", "8h", "--rate", "8Mbit/s", "--downloads", "3"]
    before = datetime.now(UTC).timestamp()
    granted(command, "bob", *options)
    (grant,) = Store(Path("tokens.db")).grants()
    assert grant.rights == {"read", "write"}
    assert (grant.rate, grant.downloads) == (1e6, 3)
    assert grant.expires is not None
    assert grant.expires - grant.granted == 8 * 3600
    assert before <= grant.granted < before + 60
    granted(command, "carl", "--rate", "unlimited", "--expires", "2999-12-31T00:00:00+00:00")
    carl = Store(Path("tokens.db")).grants()[1]
    assert (carl.rate, carl.expires) == (None, datetime(2999, 12, 31, tzinfo=UTC).timestamp())


def test_the_table(command: Command) -> None:
    granted(command, "alice")
    granted(command, "bob", *["--write", "--rate", "8Mbit/s", "--downloads", "3"])
    granted(command, "late", "--expires", "1ms")
    end = datetime.now().astimezone() + timedelta(hours=8)
    granted(command, "dora", "--expires", end.isoformat())
    assert command("revoke", "alice", *FILE) == (0, "revoked alice\n", "")
    ids = [grant.id for grant in Store(Path("tokens.db")).grants()]
    code, out, err = command("tokens", *FILE)
    assert (code, err) == (0, "")
    rows = [re.split(r"  +", row) for row in out.splitlines()]
    assert rows[0] == ["NAME", "ID", "STATE", "MAY", "EXPIRES", "RATE", "DOWNLOADS"]
    assert rows[1] == ["alice", ids[0], "revoked", "read", "never", "unlimited", "0"]
    assert rows[2] == ["bob", ids[1], "valid", "read+write", "never", "8 Mbit/s", "0 of 3"]
    assert rows[3][2] == "expired"
    assert rows[4][2:5] == ["valid", "read", f"{end:%Y-%m-%d %H:%M}"]


def test_json_is_an_object_a_line(command: Command) -> None:
    code, out, err = command("grant", "alice", *FILE, "--downloads", "2", "--json")
    made = json.loads(out)
    assert (code, err) == (0, "")
    token = made.pop("token")
    assert made == {
        "event": "granted",
        "name": "alice",
        "id": hash_token(token)[:12],
        "state": "valid",
        "rights": ["read"],
        "granted": made["granted"],
        "expires": None,
        "rate": None,
        "downloads": 2,
        "used": 0.0,
    }
    assert datetime.fromisoformat(made["granted"]).utcoffset() == timedelta()
    code, out, err = command("tokens", *FILE, "--json")
    assert [json.loads(line) for line in out.splitlines()] == [made | {"event": "grant"}]
    code, out, err = command("revoke", made["id"][:6], *FILE, "--json")
    assert json.loads(out) == {"event": "revoked", "name": "alice", "id": made["id"]}


def test_what_cannot_be_granted_or_revoked(command: Command) -> None:
    granted(command, "alice")
    for arguments, line in (
        (("grant", "alice"), "a grant called 'alice' is in force already"),
        (("grant", "al ice"), "'al ice' is no name for a grant"),
        (("grant", "a", "--expires", "1999-01-01"), "a: expected a date of expiry in the future"),
        (("grant", "a", "--expires", "soon"), "Invalid value for '--expires': 'soon': expected"),
        (("grant", "a", "--rate", "0"), "Invalid value for '--rate': '0': expected more than"),
        (("grant", "a", "--downloads", "0"), "Invalid value for '--downloads': "),
        (("revoke", "nobody"), "no grant in force is called 'nobody'"),
    ):
        code, out, err = command(*arguments, *FILE)
        assert (code, out) == (2, "")
        assert one_line(err).startswith(line)
    assert len(Store(Path("tokens.db")).grants()) == 1
    code, out, err = command("grant", "alice")
    assert (code, one_line(err)) == (2, "Missing option '--token-file'.")


def test_files_that_are_no_token_files(command: Command) -> None:
    Path("text").write_text("precious" * 1000)
    for arguments, line in (
        (("tokens", "--token-file", "nope"), "there is no nope; granting a token makes"),
        (("revoke", "a", "--token-file", "nope"), "there is no nope; granting a token makes"),
        (
            ("grant", "a", "--token-file", "no/where"),
            "there is no folder no for the",
        ),
        (("grant", "a", "--token-file", "text"), "text is not a token file"),
    ):
        code, out, err = command(*arguments)
        assert (code, out) == (6, "")
        assert one_line(err).startswith(line)
    assert Path("text").read_text() == "precious" * 1000
    assert not Path("nope").exists()
