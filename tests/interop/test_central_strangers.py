"""The central backend and programs that are not ours: http.client and http.server of Python."""

import hashlib
import threading
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from lab import Lab, RunLab
from recorders import payload

from central.client import Client
from central.link import Link
from central.server import Server

SIZE = 3_000_003


def test_http_client_fetches_from_our_server(run_lab: RunLab, tmp_path: Path) -> None:
    path = tmp_path / "a file.bin"
    path.write_bytes(payload(SIZE))

    def stranger(link: str) -> None:
        url = urlsplit(link)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
        for method, target, status, size in [
            ("GET", url.path, 200, SIZE),
            ("HEAD", url.path, 200, 0),
            ("GET", "/other", 404, 0),
            ("POST", url.path, 405, 0),
            ("GET", url.path, 200, SIZE),
        ]:
            connection.request(method, target, body=b"x" if method == "POST" else None)
            answer = connection.getresponse()
            assert (answer.status, answer.version) == (status, 11)
            assert answer.read() == payload(size)
        connection.close()
        with urlopen(link, timeout=10) as answer:
            assert answer.read() == payload(SIZE)

    async def body(lab: Lab) -> None:
        for name, up in (("raw", float("inf")), ("shaped", 50e6)):
            host = lab.host(name, up=up)
            server = Server(host)
            link = await server.publish(path)
            await host.compute(stranger, link)
            await server.close()

    run_lab(body, clock="real")


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass


def test_our_client_fetches_from_http_server(run_lab: RunLab, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a file.bin").write_bytes(payload(SIZE))
    handler = partial(Quiet, directory=tmp_path / "served")

    async def body(lab: Lab) -> None:
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            digest = hashlib.sha256(payload(SIZE)).hexdigest()
            link = str(Link("127.0.0.1", server.server_port, "a file.bin", digest))
            for name, down in (("raw", float("inf")), ("shaped", 50e6)):
                host = lab.host(name, down=down)
                client = Client(host)
                fetched = await client.fetch(link, host.directory)
                assert fetched.read_bytes() == payload(SIZE)
                await client.close()
            await lab.network.close()
            server.shutdown()
            thread.join()

    run_lab(body, clock="real")
