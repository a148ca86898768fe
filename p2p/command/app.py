"""The commands of `p2p`: make torrents, look into them, share and get what they describe."""

from pathlib import Path
from typing import Annotated

import typer

from host.program.arguments import ArgumentError
from host.program.execution import CORRUPT, DISK, FAILED, NOT_FOUND, USAGE, execute
from host.program.options import AsJson, DownLimit, Quiet, UpLimit, option
from host.program.session import run
from host.quantities import Duration, Size
from p2p.command import arguments, keys, session
from p2p.command.arguments import LinkSelection, Selection
from p2p.command.options import (
    Bootstrap,
    Chosen,
    Follow,
    ListenAt,
    NoDht,
    Peers,
    SeedRatio,
    Source,
    UpdateKey,
    Wanted,
    access_of,
)
from p2p.command.program import P2P
from p2p.command.session import Access
from p2p.command.show import lines, record
from p2p.command.status import Output, output
from p2p.command.torrents import (
    described,
    existing,
    folder_of,
    read,
    read_torrent,
    refuse_to_overwrite,
    write,
)
from p2p.errors import (
    CorruptError,
    DiskError,
    MagnetError,
    MetainfoError,
    NotFoundError,
    P2PError,
)
from p2p.magnet import Magnet, UpdateMagnet
from p2p.metainfo import Metainfo

CODES: dict[type[Exception], int] = {
    MagnetError: USAGE,
    NotFoundError: NOT_FOUND,
    MetainfoError: CORRUPT,
    CorruptError: CORRUPT,
    DiskError: DISK,
    P2PError: FAILED,
}

EXIT_CODES = """\b
Exit codes:
  0  done
  2  usage: the command line cannot be used as it is
  3  not found: no such file, or no peer that has the torrent
  5  corrupt: a torrent or a file that is not what it should be
  6  disk: full, not writable, not readable
  7  interrupted (Ctrl-C, SIGTERM): the same command again resumes it
  1  anything else
"""
PROGRESS = """\b
With --json every line on stdout is an object.  Twice a second:
  {"event": "progress", "phase": searching|checking|downloading|seeding,
   "bytes_here", "pieces_here": verified, "bytes_wanted", "pieces_wanted": of so many,
   "peers", "seeds": connected, "sent", "received": bytes so far,
   "down_rate", "up_rate": bytes per second, "left_s": seconds, or null,
   "elapsed_s": seconds since the first of these lines}
"""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="BitTorrent without trackers: make, show, share and get torrents and magnet links.",
    epilog=EXIT_CODES,
)


@app.callback(invoke_without_command=True)
def _p2p(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(epilog=EXIT_CODES)
def create(
    source: Source,
    to: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Default: NAME.torrent, in this folder."),
    ] = None,
    piece_size: Annotated[
        Size | None,
        option("piece-size", "SIZE", "A power of two, e.g. '1 MiB'.", arguments.piece_size),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a torrent file, and print its infohash and magnet link."""
    source = existing(source)
    target = to or Path(f"{source.name}.torrent")
    if not force:
        refuse_to_overwrite(target)
    with output(as_json=as_json, quiet=quiet) as out:
        metainfo = described(source, piece_size, out.hashing)
        write(target, metainfo, force)
        made = record(metainfo)
        text = f"infohash  {made['infohash']}\nmagnet    {made['magnet']}"
        out.result(text, "created", path=str(target), **made)


@app.command(epilog=EXIT_CODES)
def show(wanted: Wanted, as_json: AsJson = False) -> None:
    """Print what a torrent or magnet link says.

    Files are numbered as `p2p get --select` takes them.
    """
    found = read(wanted)
    Output(P2P, as_json=as_json).result("\n".join(lines(found)), "shown", **record(found))


@app.command(epilog=f"{PROGRESS}\n\n{EXIT_CODES}")
def share(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR|TORRENT", help="What to share; *.torrent names what it describes."
        ),
    ],
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Where a torrent's files are; default beside it."
        ),
    ] = None,
    seed_ratio: SeedRatio = None,
    update_key: UpdateKey = None,
    up_limit: UpLimit = None,
    down_limit: DownLimit = None,
    listen: ListenAt = None,
    dht_bootstrap: Bootstrap = None,
    no_dht: NoDht = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Share files; print their magnet link.

    The link is printed once others can come; it names this computer unless --listen 0.0.0.0 leaves
    open by which address.  Sharing ends with Ctrl-C, or by --seed-ratio; either is exit code 0.
    With --json the first object is {"event": "sharing", "magnet", "updates", "infohash", "name",
    "bytes", "address"}.  With --update-key the link is that of all versions, "updates" in JSON.
    """
    if update_key is not None and no_dht:
        raise ArgumentError("--update-key needs the DHT, which --no-dht turns off")
    secret = None if update_key is None else keys.read_or_make(update_key)
    access = access_of(up_limit, down_limit, listen, dht_bootstrap, no_dht)
    with output(as_json=as_json, quiet=quiet) as out:
        described_here = source.suffix != ".torrent"
        if not described_here:
            metainfo, folder = read_torrent(source), folder_of(source, from_)
        elif from_ is not None:
            raise ArgumentError("--from is for a torrent's files; a file or folder is where it is")
        else:
            source = existing(source)
            metainfo, folder = described(source, None, out.hashing), source.parent
        if secret is not None and metainfo.private:
            raise ArgumentError(f"--update-key: {source} is private, and the DHT is not (BEP 27)")
        run(
            session.share(
                metainfo,
                folder,
                access,
                out,
                verified=described_here,
                ratio=seed_ratio,
                update_key=secret,
            )
        )


@app.command(epilog=f"{PROGRESS}\n\n{EXIT_CODES}")
def get(
    wanted: Wanted,
    into: Annotated[
        Path,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Where to put it; default this folder.",
            show_default=False,
        ),
    ] = Path(),
    select: Chosen = None,
    seed: Annotated[bool, typer.Option("--seed", help="Then share it until Ctrl-C.")] = False,
    follow: Follow = False,
    seed_ratio: SeedRatio = None,
    patience: Annotated[
        Duration | None,
        option("patience", "TIME", "Wait so long for a first peer; default 60 s.", Duration.parse),
    ] = None,
    up_limit: UpLimit = None,
    down_limit: DownLimit = None,
    listen: ListenAt = None,
    dht_bootstrap: Bootstrap = None,
    no_dht: NoDht = False,
    peer: Peers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Get files; print where they are.

    Every piece is verified, and the same command again resumes what was interrupted.  It ends when
    all is here, unless --seed or --seed-ratio ask it to share on.  With --json there comes
    {"event": "done", "path", "infohash", "bytes", "received"}; with --follow for every version
    {"event": "done", "path", "version"}.
    """
    access = access_of(up_limit, down_limit, listen, dht_bootstrap, no_dht, patience)
    found = read(wanted)
    if no_dht and isinstance(found, UpdateMagnet):
        raise ArgumentError("a publisher's link needs the DHT, which --no-dht turns off")
    selection = _selection(select, found)
    if follow:
        _follow(found, into, access, as_json, quiet, other=selection or peer or seed or seed_ratio)
        return
    if selection is not None and isinstance(found, Metainfo):
        selection(found)  # what is wrong with it is said before anything is made
    into.mkdir(parents=True, exist_ok=True)
    with output(as_json=as_json, quiet=quiet) as out:
        run(
            session.get(
                found,
                into,
                access,
                out,
                select=selection,
                peers=peer or (),
                seed=seed,
                ratio=seed_ratio,
            )
        )


def _follow(
    wanted: Magnet | UpdateMagnet | Metainfo,
    into: Path,
    access: Access,
    as_json: bool,
    quiet: bool,
    other: object,
) -> None:
    if not isinstance(wanted, UpdateMagnet):
        raise ArgumentError("--follow is for the link of a publisher (xs=urn:btpk:...)")
    if other:
        raise ArgumentError("--follow excludes --select, --peer, --seed and --seed-ratio")
    into.mkdir(parents=True, exist_ok=True)
    with output(as_json=as_json, quiet=quiet) as out:
        run(session.follow(wanted, into, access, out))


def _selection(
    words: list[str] | None, wanted: Magnet | UpdateMagnet | Metainfo
) -> Selection | LinkSelection | None:
    """What the user chooses, or else the link; None for all files."""
    if words:
        return Selection(tuple(words))
    if isinstance(wanted, Magnet) and wanted.select:
        return LinkSelection(wanted.select)
    return None


def run_command() -> int:
    """Run the command that the program was called with, and return its exit code."""
    return execute(app, P2P, CODES)
