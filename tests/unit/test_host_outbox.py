"""host.outbox: bytes and stretches of files in their order, taken in pieces of any size."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.outbox import FileSlice, Outbox

DATA = bytes(range(256)) * 4


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 600))), st.lists(st.integers(1, 1000)))
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bool, int]], takes: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "outbox.bin"
    path.write_bytes(DATA)

    async def main() -> None:
        outbox = Outbox()
        expected = b""
        slices = []
        with path.open("rb") as file:
            for from_file, size in parts:
                if from_file:
                    sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    slices.append((len(expected) + size, sent))
                    outbox.add(FileSlice(file.fileno(), 7, size, sent))
                    expected += DATA[7 : 7 + size]
                else:
                    outbox.add(memoryview(DATA[:size]))
                    expected += DATA[:size]
            assert outbox.size == len(expected)
            assert outbox.in_memory == sum(size for from_file, size in parts if not from_file)
            got = b""
            for take in takes:
                piece = bytes(outbox.take(min(take, outbox.size))) if outbox.size else b""
                assert len(piece) == min(take, len(expected) - len(got))
                got += piece
                assert outbox.size == len(expected) - len(got)
                assert all(sent.done() == (end <= len(got)) for end, sent in slices)
            assert got == expected[: len(got)]
            outbox.clear()
            assert outbox.size == outbox.in_memory == 0
            for end, sent in slices:
                if end > len(got):
                    assert isinstance(sent.exception(), ConnectionAbortedError)

    asyncio.run(main())


def test_a_file_that_ended_early_says_by_how_much(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    async def main() -> None:
        outbox = Outbox()
        with path.open("rb") as file:
            outbox.add(FileSlice(file.fileno(), 0, 9, asyncio.get_running_loop().create_future()))
            with pytest.raises(OSError, match="ended 4 bytes before it should"):
                outbox.take(9)
        with pytest.raises(ConnectionAbortedError):
            outbox.clear()
            raise ConnectionAbortedError

    asyncio.run(main())


def test_a_sending_that_was_given_up_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    async def main() -> None:
        outbox = Outbox()
        with path.open("rb") as file:
            sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            outbox.add(FileSlice(file.fileno(), 0, 5, sent))
            sent.cancel()
            with pytest.raises(ConnectionAbortedError, match="given up"):
                outbox.take(5)

    asyncio.run(main())
