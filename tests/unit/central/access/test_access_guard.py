"""central.access.guard: who is let in, and how soon not any more."""

import asyncio
import gc
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab

from central.access.guard import POLL_S, STRANGER, Guard, Permit, Right
from central.access.store import Store
from central.errors import DeniedError, TokenFileError
from host.host import Host

ROOT = Path(__file__).parents[4]
TOKEN = "fsl_one"


class Gate:
    """A guard with a token file, in which somebody else grants and revokes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.host = lab.host("server")
        self.path = lab.folder / "tokens"
        self.others = Store(self.path, create=True)
        self.warnings: list[str] = []
        self.guard = self.new_guard()

    def new_guard(self) -> Guard:
        return Guard(self.host, Store(self.path), warn=self.warnings.append)

    @property
    def now(self) -> float:
        return self.host.date().timestamp()

    def grant(self, name: str = "bob", token: str = TOKEN, **terms: Any) -> None:
        self.others.grant(name, token=token, now=self.now, **terms)

    async def seen(self) -> None:
        """Until the guard has looked again."""
        await asyncio.sleep(POLL_S * 1.2)  # 0.3 s

    def refusal(self, token: str | None = TOKEN, right: Right = "read") -> DeniedError | None:
        try:
            self.guard.check(token, right)
        except DeniedError as error:
            return error
        return None

    async def stopped(self, permit: Permit) -> float:
        """When a transfer under the permit is stopped."""
        stop = asyncio.Event()
        with permit.using(stop.set):
            async with asyncio.timeout(100):
                await stop.wait()
        return self.lab.now


def raised(refusal: DeniedError | None) -> tuple[str, bool]:
    assert refusal is not None
    return str(refusal), refusal.known


# ---- without tokens


def test_without_tokens_everybody_may(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        guard = Guard(lab.host("server"))
        permit = guard.check(None, "read")
        assert permit is guard.check("anything", "write")
        assert (permit.name, permit.stretch(7)) == ("-", 7)
        assert asyncio.all_tasks() == {asyncio.current_task()}  # nobody looks at any file
        await guard.close()

    run_lab(body)


def test_everybody_may_do_what_is_said(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        guard = Guard(lab.host("server"), anonymous=frozenset(["read"]))
        assert guard.check(None, "read").name == "-"
        for token in (None, TOKEN):
            with pytest.raises(DeniedError, match=r"^nobody may write here$") as caught:
                guard.check(token, "write")
            assert caught.value.known
        await guard.close()

    run_lab(body)


# ---- who is let in


def test_strangers_all_hear_the_same(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant("expired", "fsl_expired", expires=gate.now + 1)
        gate.grant("revoked", "fsl_revoked")
        gate.others.revoke("revoked", now=gate.now)
        gate.grant()
        await asyncio.sleep(1)
        tokens = [None, "", "fsl_none", "fsl_expired", "fsl_revoked", TOKEN + " ", "bob", "\ud800"]
        digest = gate.others.grants()[-1].digest
        answers = {raised(gate.refusal(token)) for token in [*tokens, digest, digest[:12]]}
        assert answers == {(STRANGER, False)}
        assert gate.refusal(TOKEN) is None
        await gate.guard.close()

    run_lab(body)


def test_a_token_permits_what_was_granted(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(rate=2048.0)
        gate.grant("writer", "fsl_writer", rights=frozenset(["write"]))
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        assert (permit.name, permit.rate) == ("bob", 2048.0)
        assert permit is gate.guard.check(TOKEN, "read")
        assert gate.guard.check("fsl_writer", "write").name == "writer"
        no_write = "the token does not permit to write"
        assert raised(gate.refusal(TOKEN, "write")) == (no_write, True)
        assert raised(gate.refusal("fsl_writer")) == ("the token does not permit to read", True)
        await gate.guard.close()

    run_lab(body)


def test_what_was_granted_before_is_good_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant()
        later = gate.new_guard()
        assert later.check(TOKEN, "read").name == "bob"
        await later.close()
        await gate.guard.close()

    run_lab(body)


def test_a_file_of_something_else_is_refused_at_the_start(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        await gate.guard.close()
        store = Store(gate.path)
        gate.path.write_bytes(b"no such thing" * 100)
        with pytest.raises(TokenFileError, match=r"is not a token file$"):
            Guard(gate.host, store)

    run_lab(body)


# ---- how soon not any more


def test_revoking_stops_what_is_under_way_at_the_next_look(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant()
        gate.grant("alice", "fsl_two")
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        lab.network.loop.call_at(1.1, lambda: gate.others.revoke("bob", now=gate.now))
        stopped = [gate.stopped(permit), gate.stopped(permit)]
        with gate.guard.check("fsl_two", "read").using(lambda: pytest.fail("alice is stopped")):
            assert await asyncio.gather(*stopped) == [1.25, 1.25]
            await asyncio.sleep(10)
        assert raised(gate.refusal()) == (STRANGER, False)
        await gate.guard.close()

    run_lab(body)


def test_expiry_is_exact(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(expires=gate.now + 3.1)
        gate.grant("alice", "fsl_two", expires=gate.now + 5.7)
        await gate.seen()
        permits = [gate.guard.check(token, "read") for token in (TOKEN, "fsl_two")]
        await asyncio.sleep(3.0999 - lab.now)
        assert gate.refusal() is None
        times = await asyncio.gather(*map(gate.stopped, permits))
        # Unix seconds of today have a resolution of a tenth of a microsecond.
        assert times == pytest.approx([3.1, 5.7], abs=2e-6)
        assert raised(gate.refusal()) == raised(gate.refusal("fsl_two")) == (STRANGER, False)
        await gate.guard.close()

    run_lab(body)


def test_a_grant_that_comes_later_may_expire_first(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(expires=gate.now + 100)
        await asyncio.sleep(1)
        gate.grant("alice", "fsl_two", expires=gate.now + 2.1)
        await gate.seen()
        permit = gate.guard.check("fsl_two", "read")
        assert await gate.stopped(permit) == pytest.approx(3.1, abs=2e-6)
        assert gate.refusal() is None
        await gate.guard.close()

    run_lab(body)


def test_a_clock_that_was_set_is_believed(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(expires=gate.now + 3600)
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        date = gate.host.date
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gate.host, "date", lambda: date() + timedelta(hours=1))
            assert raised(gate.refusal()) == (STRANGER, False)
            assert await gate.stopped(permit) == 0.5
        await gate.guard.close()

    run_lab(body)


def test_a_name_granted_again_is_another_bearer(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(downloads=1)
        await gate.seen()
        old = gate.guard.check(TOKEN, "read")
        old.reserve(1.0)
        gate.others.revoke("bob", now=gate.now)
        gate.grant(token="fsl_new", downloads=1)
        await gate.seen()
        assert raised(gate.refusal()) == (STRANGER, False)
        new = gate.guard.check("fsl_new", "read")
        assert new is not old
        new.reserve(1.0)
        await gate.guard.close()

    run_lab(body)


# ---- downloads


def test_downloads_survive_a_restart(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(downloads=2)
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        permit.reserve(1.0)
        permit.reserve(1.0)
        permit.refund(0.75)
        await gate.guard.close()
        assert gate.others.grants()[0].used == 1.25
        gate.guard = gate.new_guard()
        permit = gate.guard.check(TOKEN, "read")
        permit.reserve(0.75)
        with pytest.raises(DeniedError, match="used up"):
            permit.reserve(0.1)
        await gate.guard.close()
        assert gate.others.grants()[0].used == 2.0

    run_lab(body)


def test_uses_are_written_once_a_second(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(downloads=5)
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        for _ in range(3):
            permit.reserve(1.0)
        await asyncio.sleep(0.69)
        assert gate.others.grants()[0].used == 0.0
        await asyncio.sleep(0.02)
        assert gate.others.grants()[0].used == 3.0
        # What is known from the file is not counted twice.
        await asyncio.sleep(5)
        permit.reserve(1.0)
        permit.reserve(1.0)
        with pytest.raises(DeniedError):
            permit.reserve(1.0)
        await gate.guard.close()
        assert gate.others.grants()[0].used == 5.0

    run_lab(body)


def test_two_servers_count_together(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(downloads=2)
        guards = [gate.new_guard() for _ in range(2)]
        for guard in guards:
            guard.check(TOKEN, "read").reserve(1.0)
        await asyncio.sleep(2)
        for guard in guards:
            with pytest.raises(DeniedError, match="used up"):
                guard.check(TOKEN, "read").reserve(1.0)
            await guard.close()
        await gate.guard.close()

    run_lab(body)


def test_what_is_given_back_after_a_revocation_is_written_too(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant()
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        permit.reserve(1.0)
        gate.others.revoke("bob", now=gate.now)
        await gate.stopped(permit)
        permit.refund(0.5)
        await gate.guard.close()
        assert gate.others.grants()[0].used == 0.5

    run_lab(body)


# ---- trouble with the file


def test_without_its_file_no_token_is_good(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant()
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        aside = gate.path.with_name("aside")
        lab.network.loop.call_at(1.1, lambda: gate.path.rename(aside))
        assert await gate.stopped(permit) == 1.25
        await asyncio.sleep(5)
        assert raised(gate.refusal()) == (STRANGER, False)
        assert gate.warnings == [
            f"no token is good any more: there is no {gate.path}; granting a token makes a token "
            "file"
        ]
        aside.rename(gate.path)
        await gate.seen()
        stopped: list[int] = []
        with gate.guard.check(TOKEN, "read").using(lambda: stopped.append(1)):
            await asyncio.sleep(1)
        assert stopped == []
        await gate.guard.close()

    run_lab(body)


def test_what_cannot_be_written_now_is_written_later(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(downloads=3)
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        permit.reserve(1.0)
        writer = sqlite3.connect(gate.path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(2.5)
        assert gate.others.grants()[0].used == 0.0
        assert gate.warnings == [
            f"downloads are not written down: {gate.path} is being written by another program; "
            "try again"
        ]
        writer.execute("COMMIT")
        writer.close()
        permit.reserve(1.0)
        await asyncio.sleep(1)
        assert gate.others.grants()[0].used == 2.0
        await gate.guard.close()

    run_lab(body)


def test_a_guard_that_fails_lets_nobody_in(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        handler, reported = loop.get_exception_handler(), list[dict[str, Any]]()
        loop.set_exception_handler(lambda loop, context: reported.append(context))
        gate = Gate(lab)
        gate.grant()
        await gate.seen()
        permit = gate.guard.check(TOKEN, "read")
        monkeypatch.setattr(Store, "news", lambda store: [][0])
        assert await gate.stopped(permit) == 0.5
        assert raised(gate.refusal()) == (STRANGER, False)
        await gate.guard.close()
        del gate
        gc.collect()
        loop.set_exception_handler(handler)
        assert [type(context["exception"]) for context in reported] == [IndexError]

    run_lab(body)


def test_closing_ends_what_goes_on_under_tokens(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant()
        await gate.seen()
        stopped = gate.host.spawn(gate.stopped(gate.guard.check(TOKEN, "read")), "transfer")
        await asyncio.sleep(0)
        await gate.guard.close()
        assert await stopped == 0.3
        assert raised(gate.refusal()) == (STRANGER, False)

    run_lab(body)


def test_a_host_that_goes_down_lets_go_of_the_file(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        gate.grant(expires=gate.now + 100)
        await gate.seen()
        gate.guard.check(TOKEN, "read")
        await gate.host.close()
        # The fixture looks for open descriptors and tasks.

    run_lab(body)


def test_closing_twice_is_closing(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        await gate.guard.close()
        await gate.guard.close()

    run_lab(body)


# ---- another process

COMMAND = """
import sys
from datetime import timedelta
from pathlib import Path
from central.access.store import Store
store = Store(Path(sys.argv[1]))
if sys.argv[2] == "grant":
    store.grant("bob", token=sys.argv[3], now=float(sys.argv[4]))
else:
    store.revoke("bob", now=float(sys.argv[4]))
"""


def command(gate: Gate, verb: str) -> Any:
    def run(host: Host = gate.host) -> None:
        subprocess.run(
            [sys.executable, "-c", COMMAND, gate.path, verb, TOKEN, str(gate.now)],
            cwd=ROOT,
            check=True,
        )

    return gate.host.compute(run)


def test_another_process_grants_and_revokes_while_the_guard_runs(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        gate = Gate(lab)
        assert raised(gate.refusal()) == (STRANGER, False)
        await command(gate, "grant")
        while gate.refusal() is not None:
            await asyncio.sleep(0.01)
        permit = gate.guard.check(TOKEN, "read")
        permit.reserve(1.0)
        revoking = gate.host.spawn(command(gate, "revoke"), "revoke")
        await gate.stopped(permit)
        await revoking
        assert raised(gate.refusal()) == (STRANGER, False)
        await gate.guard.close()
        (bob,) = gate.others.grants()
        assert (bob.used, bob.revoked is not None) == (1.0, True)

    run_lab(body, clock="real")
