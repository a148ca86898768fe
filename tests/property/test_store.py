"""Stores of any files: what was put is found again, exactly, and every byte reads as it was."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from torrents import torrent_of

from p2p.disk.store import Store, describe

some = settings(max_examples=60)

lengths = st.integers(0, 200)
trees = st.dictionaries(
    st.sampled_from(["a", "b/a", "b/c/d", "b/c/e", "f", "g/h", "ü"]), lengths, min_size=1
)


@st.composite
def torrents(draw):
    """A single file, or a tree with padding in it; pieces smaller and larger than files."""
    files = draw(trees | lengths)
    padding = ()
    if not isinstance(files, int):
        padding = draw(st.sampled_from([(), (".pad",)]))
        order = draw(st.permutations([*files, *padding]))
        files = {path: files[path] if path in files else draw(lengths) for path in order}
    return torrent_of(files, piece_length=draw(st.integers(8, 300)), padding=padding)


def _all_padding(torrent, index):
    start = index * torrent.metainfo.piece_length
    end = start + torrent.metainfo.piece_size(index)
    return any(
        file.padding and file.offset <= start and end <= file.offset + file.length
        for file in torrent.metainfo.files
    )


@some
@given(torrents(), st.data())
def test_put_close_and_check(torrent, data):
    metainfo = torrent.metainfo
    count = metainfo.piece_count
    indices = data.draw(st.permutations(range(count)))
    cut = data.draw(st.integers(0, count))
    selected = data.draw(st.none() | st.sets(st.integers(0, len(metainfo.files) - 1)))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        store = torrent.fill(Store.download(metainfo, directory, selected), indices[:cut])
        store.close()

        store = Store.download(metainfo, directory, selected)
        here = [index for index, have in enumerate(store.check()) if have]
        free = [index for index in range(count) if _all_padding(torrent, index)]
        assert here == sorted({*indices[:cut], *free})

        rest = [index for index in indices[cut:] if store.wanted[index]]
        torrent.fill(store, rest).commit()
        for index in {*here, *rest}:
            size = metainfo.piece_size(index)
            begin = data.draw(st.integers(0, size - 1))
            assert store.get(index, begin, size - begin) == torrent.piece(index)[begin:]
        store.close()
        for index, file in enumerate(metainfo.files):
            path = directory.joinpath(*file.path)
            chosen = (selected is None or index in selected) and not file.padding
            assert path.exists() == chosen
            if chosen:
                assert path.read_bytes() == torrent.content(index)


@some
@given(trees, st.integers(8, 300))
def test_what_is_described_can_be_seeded(files, piece_length):
    torrent = torrent_of(dict(sorted(files.items(), key=lambda item: item[0].split("/"))),
                         piece_length=piece_length)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        torrent.write(Path(folder))
        assert describe(Path(folder) / "t", piece_length) == torrent.metainfo
        store = Store.seed(torrent.metainfo, Path(folder))
        assert all(store.check())
        store.close()
