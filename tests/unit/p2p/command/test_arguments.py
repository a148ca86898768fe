"""p2p.command.arguments: what each word of the command line means, and why others are refused."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from host.program.arguments import ArgumentError
from host.quantities import QuantityError
from p2p.command.arguments import LinkSelection, Selection, piece_size, ratio
from p2p.metainfo import Metainfo

FILES = [(("a.txt",), 10), (("b", "c.txt"), 0), (("b", "d[1].bin"), 30), (("e.md",), 5)]


def torrent() -> Metainfo:
    digest = hashlib.sha1(bytes(45)).digest()
    return Metainfo.build("stuff", FILES, 2**14, [digest])


def test_figures() -> None:
    assert ratio("1.5") == 1.5
    assert piece_size("16 KiB") == 16384
    assert piece_size("512 MiB") == 2**29


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (ratio, "0", "'0' is no ratio; expected a number above 0"),
        (ratio, "-1", "'-1' is no ratio"),
        (ratio, "inf", "'inf' is no ratio"),
        (ratio, "nan", "'nan' is no ratio"),
        (ratio, "much", "'much' is no ratio"),
        (piece_size, "8 KiB", "'8 KiB': expected a power of two from 16 KiB to 512 MiB"),
        (piece_size, "1 GiB", "'1 GiB': expected a power of two"),
        (piece_size, "48 KiB", "'48 KiB': expected a power of two"),
        (piece_size, "big", "'big' is not a size"),
    ],
)
def test_what_is_refused(parse: Callable[[str], Any], text: str, reason: str) -> None:
    with pytest.raises((ArgumentError, QuantityError)) as refusal:
        parse(text)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("words", "indices"),
    [
        (["1"], {0}),
        (["1,3-4"], {0, 2, 3}),
        (["2", "4, 2"], {1, 3}),
        (["*.txt"], {0, 1}),
        (["b/*"], {1, 2}),
        (["b/d[[]1].bin"], {2}),
        (["e.md", "1"], {0, 3}),
        (["stuff/b/*"], {1, 2}),
        (["*"], {0, 1, 2, 3}),
    ],
)
def test_files_are_chosen_by_number_or_pattern(words: list[str], indices: set[int]) -> None:
    assert Selection(tuple(words))(torrent()) == indices


def test_a_file_alone_is_chosen_by_its_name() -> None:
    single = Metainfo.build("a.txt", 0, 2**14, [])
    assert Selection(("a.*",))(single) == {0}
    assert Selection(("1",))(single) == {0}


def padded() -> Metainfo:
    """The same torrent, whose first file is padding."""
    plain = torrent().info_bytes
    entry = b"d6:lengthi10e4:pathl5:a.txtee"
    assert entry in plain
    return Metainfo.from_info(plain.replace(entry, b"d4:attr1:p" + entry[1:]))


def test_padding_has_a_number_and_is_never_chosen() -> None:
    assert Selection(("*",))(padded()) == {1, 2, 3}
    assert Selection(("2",))(padded()) == {1}
    assert Selection(("1-3",))(padded()) == {1, 2}
    for words, named in ((("1",), "1"), (("2,1",), "1"), (("*", "1-1"), "1-1")):
        with pytest.raises(ArgumentError) as refusal:
            Selection(words)(padded())
        assert str(refusal.value) == (
            f"--select {named}: only padding between files, nothing to get (BEP 47)"
        )
    with pytest.raises(ArgumentError) as refusal:
        Selection(("a.txt",))(padded())
    assert str(refusal.value) == "--select a.txt: no file of the torrent is called so"


@pytest.mark.parametrize(
    ("runs", "plain", "with_padding"),
    [
        (((1, 1),), {1}, {1}),
        (((0, 1), (3, 3)), {0, 1, 3}, {1, 3}),
        (((2, 10_000), (4, 4)), {2, 3}, {2, 3}),
    ],
)
def test_a_link_selects_files(
    runs: tuple[tuple[int, int], ...], plain: set[int], with_padding: set[int]
) -> None:
    assert LinkSelection(runs)(torrent()) == plain
    assert LinkSelection(runs)(padded()) == with_padding


def test_a_link_that_selects_nothing_is_refused() -> None:
    for runs, metainfo in ((((4, 9), (7, 7)), torrent()), (((0, 0),), padded())):
        with pytest.raises(ArgumentError) as refusal:
            LinkSelection(runs)(metainfo)
        assert str(refusal.value) == (
            "the link selects (so=) no file that the torrent has; --select chooses others"
        )


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("0", "--select 0: the torrent has files 1 to 4"),
        ("1,5", "--select 5: the torrent has files 1 to 4"),
        ("3-2", "--select 3-2: the torrent has files 1 to 4"),
        ("1,", "--select 1,: no file of the torrent is called so"),
        ("stuff", "--select stuff: no file of the torrent is called so"),
        ("*.TXT", "--select *.TXT: no file of the torrent is called so"),
        ("9" * 30, f"--select {'9' * 30}: no file of the torrent is called so"),
    ],
)
def test_a_word_must_stand_for_a_file(word: str, reason: str) -> None:
    with pytest.raises(ArgumentError) as refusal:
        Selection((word,))(torrent())
    assert str(refusal.value) == reason
