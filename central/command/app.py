"""The commands of `central`: serve files, get and put them, see what changes, grant tokens."""

import math
from pathlib import Path
from typing import Annotated

import typer

from central.command import arguments, looks, serving, tokens, transfers
from central.command.access_log import open_log
from central.command.options import (
    FileUrl,
    FolderUrl,
    ListenAt,
    Patience,
    Protocols,
    PutLimit,
    RequestSize,
    Token,
    TokenFile,
    client_config,
    limits_of,
)
from central.command.outcomes import CODES, EXIT_CODES
from central.command.program import CENTRAL
from central.command.status import Output, output
from central.config import Limits
from central.errors import NotFoundError
from central.paths import parse_path
from central.server import PORTS
from host.limits import raise_descriptors
from host.program.arguments import ArgumentError, Listen, link_rate
from host.program.execution import execute
from host.program.options import AsJson, DownLimit, Quiet, RateOption, UpLimit, option
from host.program.session import run
from host.quantities import Duration

PROGRESS = """\b
With --json every line on stdout is an object.  Twice a second:
  {"event": "progress", "name": of the file, "bytes_here": so far,
   "bytes_wanted": in all, "down_rate": bytes per second,
   "left_s": seconds, or null, "elapsed_s": seconds since the first of these}
and for each file
  {"event": "done", "path", "bytes", "sha256": as checked, or null}
"""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A file server and its clients: HTTP, a persistent socket, and TFTP.",
    epilog=EXIT_CODES,
)


@app.callback(invoke_without_command=True)
def _central(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(epilog=EXIT_CODES)
def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What is below it is served.")],
    listen: ListenAt = None,
    protocol: Protocols = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Let in who has a token granted there."),
    ] = None,
    anyone: Annotated[
        bool, typer.Option("--anyone", help="Let other computers in without a token.")
    ] = False,
    allow_put: Annotated[bool, typer.Option("--allow-put", help="Take files, too.")] = False,
    put_limit: PutLimit = None,
    up_limit: UpLimit = None,
    down_limit: DownLimit = None,
    log: Annotated[
        str | None,
        typer.Option("--log", metavar="FILE|-", help="Where the access log goes; - is stdout."),
    ] = None,
    connections: Annotated[
        int, typer.Option(metavar="N", min=1, help="At most so many at a time.")
    ] = Limits.connections,
    per_address: Annotated[
        int, typer.Option(metavar="N", min=1, help="At most so many from one address.")
    ] = Limits.per_address,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Serve a folder until Ctrl-C.

    It prints its URLs once it listens, and Ctrl-C is exit code 0.  Hidden files (a dot in front)
    and symbolic links are not served.  Where other computers can come (--listen), either tokens are
    needed or --anyone has to be said.  With --allow-put, who may come without a token may put
    files, too.  Each request is a line of the access log, in the Combined Log Format, on stderr
    unless --log says otherwise or --quiet is given.  With --json the URLs come as {"event":
    "serving", "urls", "folder", "writable"}.
    """
    place = listen or Listen()
    if log == "-" and as_json:
        raise ArgumentError("--json and --log - both write to stdout; name a file for the log")
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such folder")
    _keep_out(folder, "--token-file", token_file)
    _keep_out(folder, "--log", None if log is None or log == "-" else Path(log))
    service = serving.Service(
        folder=folder,
        listen=place,
        ports=arguments.ports(protocol or [arguments.Served("http")], place, PORTS),
        token_file=token_file,
        anonymous=arguments.anonymous_rights(
            place, tokens=token_file is not None, anyone=anyone, allow_put=allow_put
        ),
        writable=allow_put,
        limits=limits_of(connections, per_address, put_limit),
        up_rate=up_limit or math.inf,
        down_rate=down_limit or math.inf,
    )
    raise_descriptors()
    descriptor = None if quiet and log is None else open_log(log)
    run(serving.serve(service, descriptor, _plain(as_json, quiet)))


@app.command(epilog=f"{PROGRESS}\n\n{EXIT_CODES}")
def get(
    urls: Annotated[
        list[str], typer.Argument(metavar="URL", help="http://, socket:// or tftp://.")
    ],
    into: Annotated[
        Path,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Where to put it; default this folder.",
            show_default=False,
        ),
    ] = Path(),
    resume: Annotated[
        bool, typer.Option("--continue", help="Go on with what an interrupted get has left.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    token: Token = None,
    request_size: RequestSize = None,
    patience: Patience = None,
    down_limit: DownLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Get files; print where they are.

    Until it is whole a file is NAME.part, which stays when the transfer fails or is interrupted;
    the same command with --continue goes on with it, if the server has still the same file.  A
    digest in the URL (#sha256=...) is checked.  Several files come one after the other, and the
    first that fails ends it.
    """
    config = client_config(token, patience, request_size=request_size, resume=resume)
    links = [arguments.file_link(url) for url in urls]
    names = [link.name for link in links]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"two of the files would be called {name}; get one at a time")
        _refuse_to_overwrite(into / name, force)
    into.mkdir(parents=True, exist_ok=True)
    with output("down", as_json=as_json, quiet=quiet) as out:
        run(transfers.get(links, into, config, out, down_limit or math.inf))


@app.command(epilog=EXIT_CODES)
def put(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to upload.")],
    url: FileUrl,
    token: Token = None,
    patience: Patience = None,
    up_limit: UpLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Upload a file; print its URL.

    A URL that ends with / is a folder, into which it goes under its own name.  A file of that name
    on the server is replaced once all has arrived.  With --json there are progress objects as of
    get, with "bytes_sent" and "up_rate", and at the end {"event": "stored", "url", "bytes"}.
    """
    config = client_config(token, patience)
    if file.is_dir():
        raise ArgumentError(f"{file} is a folder; expected a file")
    if not file.exists():
        raise NotFoundError(f"{file}: there is no such file")
    link = arguments.upload_link(url, file)
    with output("up", as_json=as_json, quiet=quiet) as out:
        run(transfers.put(file, file.stat().st_size, link, config, out, up_limit or math.inf))


@app.command("list", epilog=EXIT_CODES)
def list_(
    url: FolderUrl, token: Token = None, patience: Patience = None, as_json: AsJson = False
) -> None:
    """Print what is in a folder.

    Of each file size, date and path.  With --json each is {"event": "entry", "path", "bytes",
    "modified"}; null for a folder within.
    """
    link = arguments.folder_link(url)
    run(looks.show_list(link, client_config(token, patience), _plain(as_json)))


@app.command(epilog=EXIT_CODES)
def watch(
    url: FolderUrl,
    every: Annotated[
        Duration | None,
        option("every", "TIME", "http:// asks so often; default 1 s.", Duration.parse),
    ] = None,
    wait: Annotated[
        Duration | None,
        option(
            "wait",
            "TIME",
            "http:// lets the server answer when something changes, within 60 s at most.",
            Duration.parse,
        ),
    ] = None,
    token: Token = None,
    patience: Patience = None,
    as_json: AsJson = False,
) -> None:
    """Print what changes in a folder, until Ctrl-C.

    Each file below it that is added, changed or removed is a line, and Ctrl-C is exit code 0.  By
    http:// the server has to be asked again and again, about each folder, or with --wait once for
    every change; by socket:// it says so itself, the moment it happens.  With --json each is
    {"event": "change", "kind": added|changed|removed, "path", "bytes", "modified"}.
    """
    link = arguments.folder_link(url)
    run(
        looks.show_changes(
            link, client_config(token, patience, every=every, wait=wait), _plain(as_json)
        )
    )


@app.command(epilog=EXIT_CODES)
def grant(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom it is for; shown in the log.")],
    token_file: TokenFile,
    write: Annotated[bool, typer.Option("--write", help="To put files, too.")] = False,
    expires: Annotated[
        arguments.Expiry | None,
        option("expires", "TIME|DATE", "E.g. '8 h' or '2030-12-31'.", arguments.expiry),
    ] = None,
    rate: Annotated[
        RateOption, option("rate", "RATE", "No faster, over all transfers.", link_rate)
    ] = None,
    downloads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="No more files than so many.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it.

    It is shown this once; only its hash is kept.  A server that runs with the same --token-file
    lets its bearer in from now on.
    """
    limit = None if rate is None or rate == math.inf else rate
    run(
        tokens.grant(
            name,
            token_file,
            _plain(as_json),
            write=write,
            expires=expires,
            rate=limit,
            downloads=downloads,
        )
    )


@app.command(epilog=EXIT_CODES)
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Or the beginning of an id.")],
    token_file: TokenFile,
    as_json: AsJson = False,
) -> None:
    """Take a grant back.

    A server that runs ends what goes on under it within half a second.
    """
    run(tokens.revoke(name, token_file, _plain(as_json)))


@app.command("tokens", epilog=EXIT_CODES)
def tokens_(token_file: TokenFile, as_json: AsJson = False) -> None:
    """List what was granted, never the tokens."""
    run(tokens.show_all(token_file, _plain(as_json)))


def _plain(as_json: bool, quiet: bool = False) -> Output:
    """For what has no progress."""
    return Output(CENTRAL, as_json=as_json, quiet=quiet)


def _keep_out(folder: Path, option: str, file: Path | None) -> None:
    """Raise ArgumentError where clients could read the file, or put another in its place."""
    if file is None:
        return
    place, root = file.resolve(), folder.resolve()
    if place.is_relative_to(root) and parse_path(place.relative_to(root).as_posix()):
        raise ArgumentError(f"{option} {file} would be served; expected a file outside of {folder}")


def _refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise ArgumentError for a file that is there, unless `force`, and for a folder."""
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder; --into names another place")
    if not force and (path.exists() or path.is_symlink()):
        raise ArgumentError(f"{path} exists; --force overwrites it, --into names another place")


def run_command() -> int:
    """Run the command that the program was called with, and return its exit code."""
    return execute(app, CENTRAL, CODES)
