"""Measures the HTTP server on this machine, as a process of its own, under the real clock.

Against nginx where that is installed: one stream of 1 GiB, and files of 1 MiB one after the other,
both to curl, in pairs that take turns so that a noisy machine is as noisy for either.  Then small
files by the second, and what thousands of idle connections cost those that are not idle.
"""

import json
import os
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from urllib.parse import urlsplit

FORK = get_context("fork")
MIB = 1 << 20
FILES = {"big": 1024 * MIB, "middle": MIB, "small": 16 * 1024}
PAIRS = 7
MIDDLE_FILES = 500
REQUESTS = 20_000
CROWD = 5_000
HONEST = 2_000
DRIP_S = 1.0
"""Seconds between two bytes of a request that never ends."""

NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {files}; }}
}}
"""


def make_files(folder: Path) -> None:
    """Files of random bytes; the big one repeats a MiB, which nobody in between looks at."""
    folder.mkdir()
    block = os.urandom(MIB)
    for name, size in FILES.items():
        with (folder / name).open("wb") as file:
            for _ in range(max(1, size // MIB)):
                file.write(block[:size])


@contextmanager
def running(*command: str | Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A program, ended with the block."""
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def our_server(files: Path) -> Iterator[tuple[str, int]]:
    """`central serve` for the files: its URL without the last slash, and its process id."""
    command = [sys.executable, "-m", "central.cli", "serve", files, "--protocol", "http:0"]
    command += ["--connections", str(4 * CROWD), "--per-address", str(4 * CROWD)]
    command += ["--json", "--log", os.devnull]
    with running(*command, stdout=subprocess.PIPE) as process:
        serving = json.loads(process.stdout.readline())
        yield serving["urls"][0].rstrip("/"), process.pid


@contextmanager
def nginx_server(folder: Path, files: Path) -> Iterator[str]:
    """Nginx with one worker for the files: its URL without the last slash."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, files=files, port=port))
    with running(nginx_program(), "-c", config, "-e", folder / "nginx.err"):
        wait_for(port)
        yield f"http://127.0.0.1:{port}"


def nginx_program() -> str:
    """Where nginx is; Debian keeps it where not every user looks."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or ""


def wait_for(port: int) -> None:
    """Return when somebody listens there."""
    until = monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if monotonic() > until:
                raise
            sleep(0.01)


def curl_s(url: str) -> float:
    """Seconds that curl takes for a URL, or for the many that it stands for."""
    begin = perf_counter()
    subprocess.run(["curl", "-sfo", os.devnull, url], check=True)
    return perf_counter() - begin


def compare(what: str, ours: str, theirs: str, size: int) -> None:
    """Print the rates of both, and the median of nginx's time over ours, pair by pair."""
    curl_s(ours), curl_s(theirs)
    times = [(curl_s(ours), curl_s(theirs)) for _ in range(PAIRS)]
    rates = [size / MIB / median(column) for column in zip(*times, strict=True)]
    ratio = median(their_s / our_s for our_s, their_s in times)
    print(f"{what}: {rates[0]:,.0f} MiB/s, nginx {rates[1]:,.0f} MiB/s, ratio {ratio:.2f}")


class Connection:
    """A kept connection that asks for one small file again and again."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.sock = socket.create_connection((place.hostname, place.port))
        self._request = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
        self._answer = 0
        self._left = 0

    def ask(self) -> None:
        self.sock.sendall(self._request)
        self._left = self._answer

    def take(self) -> bool:
        """Receive some of the answer; True when that was all of it."""
        data = self.sock.recv(65536)
        if not self._answer:
            # All answers to the same question are of one length.
            head, _, _ = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            self._answer = self._left = len(head) + 4 + FILES["small"]
        self._left -= len(data)
        assert data, "the server hung up"
        return self._left <= 0


def requests_per_second(url: str, connections: int = 4) -> float:
    """Small files in a second, over a few kept connections."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = Connection(url)
            stack.enter_context(connection.sock)
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            connection.ask()
        done, begin = 0, perf_counter()
        while done < REQUESTS:
            for key, _ in selector.select():
                if key.data.take():
                    done += 1
                    key.data.ask()
        return done / (perf_counter() - begin)


def latency_s(url: str) -> float:
    """The median time of a small file over one kept connection."""
    connection = Connection(url)
    with connection.sock:
        times = []
        for _ in range(HONEST):
            begin = perf_counter()
            connection.ask()
            while not connection.take():
                pass
            times.append(perf_counter() - begin)
    return median(times)


def still_open(sock: socket.socket) -> bool:
    """True while the server waits for more; any answer to half a request ends it."""
    try:
        sock.recv(1000)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def slow_connections(url: str, ready: Event, ended: Event) -> None:
    """Only begin to ask, a byte now and then; those that are closed come again."""
    place = urlsplit(url)
    request = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nX-Slow: ".encode()

    def connect() -> socket.socket:
        sock = socket.create_connection((place.hostname, place.port))
        sock.sendall(request)
        sock.setblocking(False)
        return sock

    socks = [connect() for _ in range(CROWD)]
    ready.set()
    while not ended.wait(DRIP_S):
        for index, sock in enumerate(socks):
            if still_open(sock):
                sock.send(b"x")
            else:
                sock.close()
                socks[index] = connect()


def idle_connections(url: str, ready: Event, ended: Event) -> None:
    """Ask once on each of many connections, and keep them."""
    connections = [Connection(url) for _ in range(CROWD)]
    for connection in connections:
        connection.ask()
        while not connection.take():
            pass
    ready.set()
    ended.wait()


@contextmanager
def crowd(kind: Callable[[str, Event, Event], None], url: str) -> Iterator[None]:
    """Many connections of one kind, held by a process of their own."""
    ready, ended = FORK.Event(), FORK.Event()
    process = FORK.Process(target=kind, args=(url, ready, ended))
    process.start()
    try:
        ready.wait()
        yield
    finally:
        ended.set()
        process.join()


def memory(pid: int) -> int:
    """Bytes of a process that are in memory (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def against_nginx(ours: str, folder: Path, files: Path) -> None:
    """Compare with nginx, or say that there is none."""
    for program in ("curl", "nginx"):
        if not (shutil.which(program) or (program == "nginx" and nginx_program())):
            print(f"no comparison: {program} is not installed")
            return
    with nginx_server(folder, files) as theirs:
        compare("1 GiB to curl", f"{ours}/big", f"{theirs}/big", FILES["big"])
        many = f"middle?[1-{MIDDLE_FILES}]"
        size = MIDDLE_FILES * FILES["middle"]
        compare("1 MiB files to curl", f"{ours}/{many}", f"{theirs}/{many}", size)


def with_crowds(url: str, pid: int) -> None:
    """What idle and slow connections cost in memory, and an honest client in time."""
    small = f"{url}/small"
    alone = latency_s(small)
    print(f"16 KiB, one client, nobody else: median {alone * 1e6:.0f} us")
    for what, kind in (("idle", idle_connections), ("slow", slow_connections)):
        before = memory(pid)
        with crowd(kind, small):
            each = (memory(pid) - before) / CROWD
            crowded = latency_s(small)
        print(
            f"beside {CROWD:,} {what} connections: median {crowded * 1e6:.0f} us, "
            f"{crowded / alone:.2f} times; {each:,.0f} bytes of memory for each of them"
        )


def main() -> None:
    """Measure, and print a line a figure."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        folder, files = Path(name), Path(name, "files")
        # Nginx as root serves as nobody.
        folder.chmod(0o755)
        make_files(files)
        with our_server(files) as (url, pid):
            against_nginx(url, folder, files)
            rates = [requests_per_second(f"{url}/small") for _ in range(5)]
            print(f"16 KiB files, 4 kept connections: {median(rates):,.0f} requests/s")
            with_crowds(url, pid)


if __name__ == "__main__":
    main()
