"""The central server in a process of its own: what it serves by, and what it costs."""

import asyncio
from pathlib import Path

import psutil
import pytest

from bench.lecture.server_process import cpu_s, server_process
from bench.sweep import TrialFailed


def test_it_serves_by_each_protocol_and_ends(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_bytes(b"served")
    with server_process(tmp_path, 1, ("http", "socket")) as (urls, process):
        assert sorted(urls) == ["http", "socket"]
        assert urls["http"].startswith("http://127.0.0.1:")
        before = cpu_s(process)
        port = int(urls["http"].rstrip("/").rpartition(":")[2])
        assert asyncio.run(ask(port)).startswith(b"HTTP/1.1 200 OK\r\n")
        assert cpu_s(process) > before
    assert not psutil.pid_exists(process.pid)


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /file HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_one_that_ends_before_it_listens_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(TrialFailed, match="central serve has ended before it listened"),
        server_process(tmp_path / "nowhere", 1),
    ):
        pass
