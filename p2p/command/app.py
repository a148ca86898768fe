"""The commands of `p2p`: make torrents, look into them, share and get what they describe."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from host.quantities import Duration, Size
from p2p.command import arguments, interrupt, session
from p2p.command.arguments import ArgumentError, LinkSelection, Selection
from p2p.command.options import (
    AsJson,
    Bootstrap,
    Chosen,
    DownLimit,
    ListenAt,
    NoDht,
    Peers,
    Quiet,
    SeedRatio,
    Source,
    UpLimit,
    Wanted,
    access_of,
    option,
)
from p2p.command.session import run
from p2p.command.show import lines, record
from p2p.command.status import Output, output, say
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
from p2p.magnet import Magnet
from p2p.metainfo import Metainfo

FAILED, USAGE, NOT_FOUND, CORRUPT, DISK = 1, 2, 3, 5, 6

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
    Output(as_json=as_json).result("\n".join(lines(found)), "shown", **record(found))


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
    With --json the first object is {"event": "sharing", "magnet", "infohash", "name", "bytes",
    "address"}.
    """
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
        run(session.share(metainfo, folder, access, out, verified=described_here, ratio=seed_ratio))


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
    {"event": "done", "path", "infohash", "bytes", "received"}.
    """
    access = access_of(up_limit, down_limit, listen, dht_bootstrap, no_dht, patience)
    found = read(wanted)
    selection = _selection(select, found)
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


def _selection(
    words: list[str] | None, wanted: Magnet | Metainfo
) -> Selection | LinkSelection | None:
    """What the user chooses, or else the link; None for all files."""
    if words:
        return Selection(tuple(words))
    if isinstance(wanted, Magnet) and wanted.select:
        return LinkSelection(wanted.select)
    return None


def _code(error: P2PError) -> int:
    """The exit code for an error; one of the disk is also a plain OSError."""
    if isinstance(error, ArgumentError | MagnetError):
        return USAGE
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    if isinstance(error, MetainfoError | CorruptError):
        return CORRUPT
    return DISK if isinstance(error, DiskError) else FAILED


def _fail(line: str, code: int) -> int:
    say(line)
    return code


def execute() -> int:
    """Run the command that the program was called with, and return its exit code.

    Every error that a user can meet is one line on stderr.
    """
    group = typer.main.get_command(app)
    try:
        try:
            # What is open is closed on the way out.
            interrupt.handle(signal.default_int_handler)
            # Not by calling it: that would take interrupts and broken pipes for its own.
            with group.make_context("p2p", sys.argv[1:]) as context:
                group.invoke(context)
        finally:
            interrupt.handle(interrupt.leave)
    except typer.Exit as end:
        return end.exit_code
    except P2PError as error:
        return _fail(str(error), _code(error))
    except BrokenPipeError:
        # Who read our output has gone, as `head` does; what is left in the buffer has no reader.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return interrupt.EXIT_CODE
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", DISK)
    except KeyboardInterrupt:
        return _fail(interrupt.LINE, interrupt.EXIT_CODE)
    except Exception as error:
        # What typer refuses: the class moves from version to version.
        if not hasattr(error, "format_message"):
            raise
        return _fail(error.format_message(), USAGE)
    return 0
