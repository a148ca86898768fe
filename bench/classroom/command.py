"""The command `bench demo`: both systems live in a browser, or recorded in one file."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.classroom.lessons import choose
from bench.classroom.settings import Settings
from bench.errors import BenchError
from bench.terminal import INTERRUPTED, Text, fail, option, say

if TYPE_CHECKING:
    from bench.classroom.relay import Run, Told
    from bench.classroom.server import Server

LOOPBACK = "127.0.0.1"
PORT = 8765


def demo(
    clients: Annotated[Text, option("clients", "N", "Clients, beside the origin.")] = None,
    file_size: Annotated[Text, option("file-size", "SIZE", "The file, e.g. '100 MiB'.")] = None,
    origin_up: Annotated[
        Text, option("origin-up", "RATE", "The origin's uplink, e.g. '100 Mbit/s'.")
    ] = None,
    peer_up: Annotated[Text, option("peer-up", "RATE", "The clients' uplinks.")] = None,
    latency: Annotated[Text, option("latency", "TIME", "One way, e.g. '20 ms'.")] = None,
    riders: Annotated[Text, option("riders", "N", "Clients that give nothing.")] = None,
    seed: Annotated[Text, option("seed", "N", "Seed of all that is random.")] = None,
    speed: Annotated[Text, option("speed", "X", "Virtual seconds per second.")] = None,
    lesson: Annotated[
        Text, option("lesson", "NAME", "Begin with load, outage, late, slow or riders.")
    ] = None,
    port: Annotated[Text, option("port", "PORT", f"Default {PORT}, or the next free one.")] = None,
    listen: Annotated[
        Text, option("listen", "ADDRESS", f"Default {LOOPBACK}; 0.0.0.0: the room may watch.")
    ] = None,
    record: Annotated[
        Path | None, option("record", "FILE.html", "Play it, and keep it as one page.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show both systems side by side, live, on a page of its own."""
    given = {
        "clients": clients,
        "file_size": file_size,
        "origin_up": origin_up,
        "peer_up": peer_up,
        "latency": latency,
        "riders": riders,
        "seed": seed,
    }
    settings, pace = choose(given, lesson=lesson, speed=speed)
    address, number = _address(listen), _port(port)
    if record is not None:
        from bench.classroom.recording import record as keep

        keep(record, settings, speed=pace, lesson=lesson)
        return
    raise typer.Exit(_show(settings, pace, lesson, address, number, open_))


def _show(
    settings: Settings, speed: float, lesson: str | None, address: str, port: int, opens: bool
) -> int:
    """Serve the page until Ctrl-C; returns the exit code."""
    # The web's packages take a while to import, and no other command needs them.
    import asyncio
    import gc

    from bench.classroom.engine import Engine
    from bench.classroom.serving import serve

    def begin(told: Told) -> Run:
        return Engine(settings, speed=speed, lesson=lesson, told=told)

    def ready(server: Server) -> None:
        if port and server.port != port:
            say(f"port {port} is in use; this is at {server.port}")
        link = f"{_link(address, server.port)}#token={server.token}"
        print(link, flush=True)
        for guests in _guest_links(address, server.port):
            print(f"to watch, without the controls: {guests}", flush=True)
        say("Ctrl-C ends it.")
        if opens:
            _open(link)

    asyncio.run(serve(begin, address=address, port=port, ready=ready))
    gc.freeze()  # all is closed: to look through the run's remains would take a second or more
    return fail("the demo has ended", INTERRUPTED)


def _open(link: str) -> None:
    import threading
    import webbrowser

    # Some browsers, those of a terminal, keep the thread that opens them.
    threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()


def _address(text: str | None) -> str:
    """The address to listen at. Raises BenchError."""
    try:
        return str(ipaddress.ip_address(text or LOOPBACK))
    except ValueError:
        raise BenchError(
            f"listen: {text!r}; expected an address of this computer, or 0.0.0.0 for all of them"
        ) from None


def _port(text: str | None) -> int:
    """The port to listen at, 0 for any. Raises BenchError."""
    number = int(text) if text and text.isascii() and text.isdigit() else -1
    if text is None:
        return PORT
    if not 0 <= number <= 65535:
        raise BenchError(f"port: {text!r}; expected 0 to 65535")
    return number


def _link(address: str, port: int) -> str:
    """The page's address, for a browser on this computer."""
    here = ipaddress.ip_address(address)
    if here.is_unspecified:
        here = ipaddress.ip_address(LOOPBACK if here.version == 4 else "::1")
    return f"http://[{here}]:{port}/" if here.version == 6 else f"http://{here}:{port}/"


def _guest_links(address: str, port: int) -> list[str]:
    """The page's addresses for other computers, where there are any."""
    here = ipaddress.ip_address(address)
    if here.is_loopback:
        return []
    if not here.is_unspecified:
        return [_link(address, port)]
    import psutil

    found = [one.address for each in psutil.net_if_addrs().values() for one in each]
    return [_link(one, port) for one in found if _is_for_guests(one)]


def _is_for_guests(text: str) -> bool:
    """True for an address that the room's other computers can call: IPv4, and not loopback."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not address.is_loopback
