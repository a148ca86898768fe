"""The options that several commands of `central` take, and what they make of a client."""

import math
from pathlib import Path
from typing import Annotated

import typer

from central.command import arguments
from central.command.arguments import Served
from central.config import ClientConfig, Limits
from host.program.arguments import ArgumentError, Listen, listen
from host.program.options import option
from host.quantities import Duration, Size

TOKEN_VARIABLE = "CENTRAL_TOKEN"

FileUrl = Annotated[str, typer.Argument(metavar="URL", help="http://, socket:// or tftp://.")]
FolderUrl = Annotated[
    str, typer.Argument(metavar="URL", help="http:// or socket://, of a folder or the top.")
]
Token = Annotated[
    str | None,
    option(
        "token",
        "TOKEN",
        "What central grant printed. Better in the environment: others on this computer can see a "
        "command line.",
        arguments.token,
        variable=TOKEN_VARIABLE,
    ),
]
TokenFile = Annotated[
    Path,
    typer.Option("--token-file", metavar="FILE", help="Where the grants are."),
]
Patience = Annotated[
    Duration | None,
    option(
        "patience", "TIME", "Give up after so long without a byte; default 30 s.", Duration.parse
    ),
]
RequestSize = Annotated[
    Size | None,
    option("request-size", "SIZE", "Ask for so much at a time, e.g. '4 MiB'.", Size.parse),
]
PutLimit = Annotated[
    Size | None,
    option(
        "put-limit",
        "SIZE",
        f"With --allow-put: no file larger than that; default {Size(Limits.upload_bytes)}.",
        Size.parse,
    ),
]
Protocols = Annotated[
    list[Served] | None,
    option(
        "protocol",
        "http|socket|tftp[:PORT]",
        "What to serve by; repeatable. Default http; ports 8080, 8081 and 8069.",
        arguments.protocol,
    ),
]
ListenAt = Annotated[
    Listen | None,
    option(
        "listen",
        "ADDRESS[:PORT]",
        "Where to listen; 0.0.0.0 is every address of this computer. Default 127.0.0.1, which "
        "nobody else reaches.",
        listen,
    ),
]


def client_config(
    token: str | None,
    patience: Duration | None,
    *,
    request_size: Size | None = None,
    resume: bool = True,
    every: Duration | None = None,
    wait: Duration | None = None,
) -> ClientConfig:
    """How to ask, by the options given. Raises ArgumentError."""
    usual = ClientConfig()
    given = {"patience": patience, "request-size": request_size, "every": every, "wait": wait}
    for name, value in given.items():
        if value is not None and not value > 0:
            raise ArgumentError(f"--{name}: expected more than nothing")
    return ClientConfig(
        token=token,
        patience_s=usual.patience_s if patience is None else patience,
        request_size=None if request_size is None else int(request_size),
        resume=resume,
        poll_s=usual.poll_s if every is None else every,
        wait_s=None if wait is None else math.ceil(wait),
    )


def limits_of(connections: int, per_address: int, put_limit: Size | None) -> Limits:
    """What the server puts up with, by the options given."""
    return Limits(
        connections=connections,
        per_address=per_address,
        upload_bytes=Limits.upload_bytes if put_limit is None else int(put_limit),
    )
