"""What `p2p show` prints of a torrent or a magnet link, for the eye and as a record."""

from __future__ import annotations

from typing import Any

from host.program.program import printable
from host.quantities import Size
from p2p.magnet import Magnet, UpdateMagnet
from p2p.metainfo import Metainfo


def link(metainfo: Metainfo) -> Magnet:
    """The magnet link that names the torrent, and nobody who has it."""
    return Magnet(metainfo.infohash, metainfo.name, metainfo.length)


def record(wanted: Magnet | UpdateMagnet | Metainfo) -> dict[str, Any]:
    """The same as `lines`, with sizes in bytes; what is not known is null."""
    if isinstance(wanted, UpdateMagnet):
        return {"key": wanted.key.hex(), "salt": wanted.salt.hex(), "magnet": str(wanted)}
    if isinstance(wanted, Magnet):
        return {
            "name": wanted.name,
            "infohash": wanted.infohash.hex(),
            "bytes": wanted.length,
            "peers": [f"{host}:{port}" for host, port in wanted.peers],
            "magnet": str(wanted),
        }
    return {
        "name": wanted.name,
        "infohash": wanted.infohash.hex(),
        "bytes": wanted.length,
        "piece_bytes": wanted.piece_length,
        "pieces": wanted.piece_count,
        "files": [
            {"number": number, "path": "/".join(file.path), "bytes": file.length}
            for number, file in enumerate(wanted.files, 1)
            if not file.padding
        ],
        "magnet": str(link(wanted)),
    }


def lines(wanted: Magnet | UpdateMagnet | Metainfo) -> list[str]:
    """What a torrent or a magnet link says, a line each; the files numbered for --select."""
    shown = record(wanted)
    if isinstance(wanted, UpdateMagnet):
        return [f"{title:<9} {value}" for title, value in shown.items() if value]
    rows = [("name", shown["name"] or "not in the link"), ("infohash", shown["infohash"])]
    length = shown["bytes"]
    rows.append(("size", "not in the link" if length is None else _size(length)))
    if isinstance(wanted, Magnet):
        rows += [("peer", peer) for peer in shown["peers"]]
    else:
        rows.append(("pieces", f"{wanted.piece_count:,} of {Size(wanted.piece_length)}"))
    rows.append(("magnet", shown["magnet"]))
    text = [f"{title:<9} {printable(value)}" for title, value in rows]
    files = shown.get("files", [])
    width = max((len(_size(file["bytes"])) for file in files), default=0)
    if files:
        text.append("files")
    for file in files:
        size = _size(file["bytes"])
        text.append(f"{file['number']:>5}  {size:>{width}}  {printable(file['path'])}")
    return text


def _size(length: int) -> str:
    """To the eye, and to the byte where that is something else."""
    about = Size(length).about()
    return about if length < 1024 else f"{about} ({length:,} B)"
