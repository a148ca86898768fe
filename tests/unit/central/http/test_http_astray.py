"""central.http.house and exchange: names that lead astray, and answers that take long to make."""

import asyncio
from pathlib import Path
from typing import Any

from http_site import CLOSE, HttpSite, split
from lab import Lab, RunLab

from central.access.guard import Guard
from central.access.store import Store
from central.library.library import Library, Opened

EVIL = b"GET /a HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"


def root_of(folder: Path) -> Path:
    root = folder / "served"
    root.mkdir()
    root.joinpath("a").write_bytes(b"content of a")
    return root


def test_a_strangers_name_for_loopback_is_refused(run_lab: RunLab, tmp_path: Path) -> None:
    root = root_of(tmp_path)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answer = split(await site.ask(EVIL))
            assert (answer.status, answer.reason) == (421, "Misdirected Request")
            assert (await site.answer("/a")).body == b"content of a"
            assert site.statuses == [421, 200]

    run_lab(body)


def test_where_tokens_are_needed_any_name_will_do(run_lab: RunLab, tmp_path: Path) -> None:
    root = root_of(tmp_path)
    store = Store(tmp_path / "tokens.db", create=True)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, guard=lambda host: Guard(host, store)) as site:
            assert split(await site.ask(EVIL)).status == 401

    run_lab(body)
    store.close()


class SlowLibrary(Library):
    """Hashing takes 12 seconds."""

    async def digest(self, opened: Opened) -> str:
        await asyncio.sleep(12)
        return await super().digest(opened)


def test_who_waits_for_a_digest_is_told_to(run_lab: RunLab, tmp_path: Path) -> None:
    root = root_of(tmp_path)
    wish = "Want-Repr-Digest: sha-256=1"

    async def body(lab: Lab) -> None:
        library: Any = SlowLibrary(lab.host("disk"), root)
        async with HttpSite(lab, library=library) as site:
            end = await site.open()
            end.transport.write(
                f"GET /a HTTP/1.1\r\nHost: s\r\n{wish}\r\n{CLOSE}\r\n\r\n".encode("ascii")
            )
            await end.ended
            assert lab.now == 12
            first, second, answer = bytes(end.data).split(b"\r\n\r\n", 2)
            assert first == second == b"HTTP/1.1 102 Processing"
            assert split(answer).body == b"content of a"
            assert split(answer)["repr-digest"].startswith("sha-256=:")
            end.transport.close()
            await end.lost

    run_lab(body)
