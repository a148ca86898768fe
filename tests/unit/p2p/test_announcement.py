"""What a peer said that it has while the number of pieces was unknown."""

import tracemalloc

import pytest

from p2p.announcement import Announcement
from p2p.errors import WireError
from p2p.wire import MAX_PIECES, encode_have


def test_nothing_said_is_nothing_had():
    assert Announcement().flags(3) == b"\0\0\0"


def test_a_bitfield_and_what_came_after_it():
    announcement = Announcement()
    announcement.some(b"\x80")
    announcement.one(2)
    assert announcement.flags(4) == b"\1\0\1\0"


def test_everything():
    announcement = Announcement()
    announcement.all()
    assert announcement.flags(9) == b"\1" * 9


@pytest.mark.parametrize("say", [lambda a: a.some(b"\0\0"), lambda a: a.one(4)])
def test_what_does_not_fit_the_metainfo_is_a_lie(say):
    announcement = Announcement()
    say(announcement)
    with pytest.raises(WireError):
        announcement.flags(4)


def test_an_absurd_piece_is_refused_and_a_flood_takes_less_than_was_said():
    announcement = Announcement()
    with pytest.raises(WireError, match=f"piece {MAX_PIECES}: expected less than {MAX_PIECES}"):
        announcement.one(MAX_PIECES)
    tracemalloc.start()
    for index in range(100_000):
        announcement.one(MAX_PIECES - 1 - index % 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000 * len(encode_have(0))


def test_more_announcements_than_there_can_be_pieces_are_an_attack():
    announcement = Announcement()
    announcement._later.extend([0] * MAX_PIECES)
    with pytest.raises(WireError, match="more than"):
        announcement.one(0)
