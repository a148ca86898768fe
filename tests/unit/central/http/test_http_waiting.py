"""central.http.waiting: answers that wait for something new (RFC 6202, RFC 7240)."""

import asyncio
from pathlib import Path

import pytest
from http_site import CLOSE, HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import Recorder

from central.access.admission import Admission
from central.access.guard import POLL_S, Guard
from central.access.store import Store
from central.config import Limits
from central.http.fields import read_wait


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        (b"", 0),
        (b"wait=30", 30),
        (b"respond-async, Wait = 5 ; x=y", 5),
        (b'wait="7"', 7),
        (b"wait=1, wait=2", 1),
        (b"wait=x", 0),
        (b"wait=-1", 0),
        (b"wait=1.5", 0),
        (b'wait="7', 0),
        (b"await=3", 0),
        (b"wait=" + b"9" * 10, 0),
        (b"wait", 0),
    ],
)
def test_how_long_an_answer_may_take(prefer: bytes | None, seconds: int) -> None:
    assert read_wait(prefer) == seconds


def test_as_many_answers_are_held_back_as_the_limits_say() -> None:
    admission = Admission(Limits(waiting=2), 100)
    assert [admission.wait(), admission.wait(), admission.wait()] == [True, True, False]
    admission.waited()
    assert admission.wait()
    admission.waited()
    admission.waited()
    with pytest.raises(ValueError, match="no answer is held back"):
        admission.waited()


async def etag_of(site: HttpSite, target: str) -> str:
    return (await site.answer(target))["etag"]


async def gone(end: Recorder) -> None:
    """Wait until the server has ended the connection."""
    await end.ended
    end.transport.close()
    await end.lost


def waits(target: str, etag: str, seconds: int = 30, *more: str) -> bytes:
    return get(target, "GET", f"If-None-Match: {etag}", f"Prefer: wait={seconds}", CLOSE, *more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_bytes(b"one")
    return root


@pytest.mark.parametrize("target", ["/", "/a", "/sub/"])
def test_nothing_new_is_said_when_the_time_is_up(run_lab: RunLab, root: Path, target: str) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            etag = await etag_of(site, target)
            begun = lab.now
            answer = split(await site.ask(waits(target, etag, 7)))
            assert (answer.status, answer["preference-applied"]) == (304, "wait=7")
            assert lab.now - begun == pytest.approx(7)
            # It was made just now, and the log has when it was asked for.
            assert answer["date"].endswith("00:00:07 GMT")
            assert site.log[-1].date.second == 0
            assert site.admission.wait()
            site.admission.waited()

    run_lab(body)


@pytest.mark.parametrize("target", ["/", "/a"])
def test_what_is_put_is_answered_the_moment_it_is_there(
    run_lab: RunLab, root: Path, target: str
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            etag = await etag_of(site, target)
            asked = asyncio.ensure_future(site.ask(waits(target, etag)))
            await asyncio.sleep(3.25)
            put = get("/a", "PUT", "Content-Length: 3", CLOSE)
            assert split(await site.ask(put, b"two")).status == 204
            answer = split(await asked)
            assert (answer.status, answer["preference-applied"]) == (200, "wait=30")
            assert lab.now == pytest.approx(3.25)
            assert answer["etag"] != etag
            assert target == "/" or answer.body == b"two"

    run_lab(body)


def test_what_is_elsewhere_or_below_ends_no_wait(run_lab: RunLab, root: Path) -> None:
    """A folder is what its listing says: what is in a file below is another's news."""

    async def body(lab: Lab) -> None:
        (root / "sub" / "deep").mkdir()
        (root / "sub" / "deep" / "x").write_bytes(b"1")
        async with HttpSite(lab, root, writable=True) as site:
            etags = [await etag_of(site, target) for target in ("/sub/", "/a")]
            begun = lab.now
            asked = [
                asyncio.ensure_future(site.ask(waits(target, etag, 9)))
                for target, etag in zip(("/sub/", "/a"), etags, strict=True)
            ]
            await asyncio.sleep(2)
            (root / "sub" / "deep" / "x").write_bytes(b"22")
            (root / "b").write_bytes(b"new")
            answers = [split(await each).status for each in asked]
            assert answers == [304, 304]
            assert lab.now - begun == pytest.approx(9)

    run_lab(body)


def test_a_file_that_is_taken_away_is_answered_as_what_is_not_there(
    run_lab: RunLab, root: Path
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            etag = await etag_of(site, "/a")
            asked = asyncio.ensure_future(site.ask(waits("/a", etag)))
            await asyncio.sleep(1.5)
            (root / "a").unlink()
            assert split(await asked).status == 404
            assert lab.now == pytest.approx(2)  # when the disk was looked at

    run_lab(body)


def test_who_has_another_version_or_none_does_not_wait(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            etag = await etag_of(site, "/a")
            assert split(await site.ask(waits("/a", '"other"'))).status == 200
            assert split(await site.ask(waits("/none", etag))).status == 404
            assert split(await site.ask(waits("/a", etag, 0))).status == 304
            unconditional = await site.answer("/a", "GET", "Prefer: wait=9")
            assert (unconditional.status, "preference-applied" in unconditional.headers) == (
                200,
                False,
            )
            assert lab.now == 0

    run_lab(body)


def test_no_longer_than_the_server_lets_and_no_more_than_it_holds(
    run_lab: RunLab, root: Path
) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(wait_s=4, waiting=1)
        async with HttpSite(lab, root, limits=limits) as site:
            etag = await etag_of(site, "/a")
            first = asyncio.ensure_future(site.ask(waits("/a", etag, 1000)))
            await asyncio.sleep(1)
            second = split(await site.ask(waits("/a", etag, 1000)))
            assert (second.status, lab.now) == (304, 1)
            assert "preference-applied" not in second.headers
            assert split(await first)["preference-applied"] == "wait=4"
            assert lab.now == pytest.approx(4)

    run_lab(body)


def test_a_client_that_closes_its_half_is_answered_at_once(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            etag = await etag_of(site, "/a")
            end = await site.open()
            end.transport.write(waits("/a", etag))
            await asyncio.sleep(2)
            end.transport.write_eof()
            await gone(end)
            answer = split(end.data)
            assert (answer.status, lab.now) == (304, 2)
            assert "preference-applied" not in answer.headers
            # And one that had closed it before.
            end = await site.open()
            end.transport.write(waits("/a", etag))
            end.transport.write_eof()
            await gone(end)
            assert (split(end.data).status, lab.now) == (304, 2)

    run_lab(body)


def test_the_connection_goes_on_behind_a_wait(run_lab: RunLab, root: Path) -> None:
    """Longer than a connection may rest, or a head take: none of these has begun."""

    async def body(lab: Lab) -> None:
        limits = Limits(idle_s=2, head_s=1)
        async with HttpSite(lab, root, limits=limits) as site:
            etag = await etag_of(site, "/a")
            end = await site.open()
            end.transport.write(get("/a", "GET", f"If-None-Match: {etag}", "Prefer: wait=20"))
            end.transport.write(get("/a"))
            await gone(end)
            assert [answer.status for answer in split_all(end.data)] == [304, 200]
            assert lab.now == pytest.approx(22)

    run_lab(body)


def test_a_server_that_closes_waits_for_nobody(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            etag = await etag_of(site, "/a")
            end = await site.open()
            end.transport.write(waits("/a", etag))
            await asyncio.sleep(1)
        await gone(end)
        assert (bytes(end.data), lab.now) == (b"", 1)
        assert site.statuses[-1] == 499

    run_lab(body)


def test_all_that_wait_hear_of_one_change(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            etag = await etag_of(site, "/a")
            asked = [asyncio.ensure_future(site.ask(waits("/a", etag))) for _ in range(200)]
            await asyncio.sleep(1)
            upload = site.library.begin_upload("a")
            upload.write(b"two")
            upload.commit()
            answers = [split(each).body for each in await asyncio.gather(*asked)]
            assert answers == [b"two"] * 200
            assert lab.now == 1

    run_lab(body)


def test_who_is_revoked_waits_no_longer(run_lab: RunLab, root: Path, tmp_path: Path) -> None:
    async def body(lab: Lab) -> None:
        tokens = tmp_path / "tokens"
        owner = Store(tokens, create=True)
        owner.grant("bob", token="fsl_one", now=0)
        bearer = "Authorization: Bearer fsl_one"
        async with HttpSite(lab, root, guard=lambda host: Guard(host, Store(tokens))) as site:
            etag = (await site.answer("/a", "GET", bearer))["etag"]
            denied = split(await site.ask(waits("/a", etag)))
            assert (denied.status, lab.now) == (401, 0)
            end = await site.open()
            end.transport.write(waits("/a", etag, 30, bearer))
            await asyncio.sleep(2)
            owner.revoke("bob", now=0)
            assert isinstance(await end.lost, ConnectionResetError)
            assert lab.now <= 2 + POLL_S
        owner.close()

    run_lab(body)
