"""The central backend and programs that are not ours: http.client and http.server of Python."""

import hashlib
import threading
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from lab import Lab, RunLab
from recorders import payload

from central.client import Client
from central.library.library import Library
from central.link import Link
from central.server import Server

SIZE = 3_000_003


def converse(link: str) -> None:
    """What http.client and urllib ask, and what they must be told."""
    url = urlsplit(link)
    data = payload(SIZE)
    connection = HTTPConnection(url.hostname or "", url.port, timeout=10)
    with closing(connection):
        connection.connect()
        kept = connection.sock
        etag = None
        for method, target, headers, status, body in [
            ("GET", url.path, {}, 200, data),
            ("HEAD", url.path, {}, 200, b""),
            ("GET", "/other", {}, 404, b"404 Not Found\n"),
            ("GET", url.path, {"Range": "bytes=1000-1999"}, 206, data[1000:2000]),
            ("GET", url.path, {"Range": "bytes=-5"}, 206, data[-5:]),
            ("GET", url.path, {"Range": "bytes=0-1,4-5"}, 200, data),
            ("GET", url.path, {"If-None-Match": "ETAG"}, 304, b""),
            ("GET", url.path, {"Range": "bytes=5-", "If-Range": "ETAG"}, 206, data[5:]),
            ("GET", url.path, {"Range": "bytes=5-", "If-Range": '"other"'}, 200, data),
            ("DELETE", url.path, {}, 405, b"405 Method Not Allowed\n"),
            ("GET", url.path, {}, 200, data),
        ]:
            named = {name: str(etag) if text == "ETAG" else text for name, text in headers.items()}
            connection.request(method, target, headers=named)
            answer = connection.getresponse()
            assert (answer.status, answer.version) == (status, 11)
            assert answer.read() == body
            assert connection.sock is kept
            etag = answer.getheader("ETag") or etag
    with urlopen(link, timeout=10) as answer:
        assert answer.read() == data
    with urlopen(Request(link, headers={"Range": "bytes=7-"}), timeout=10) as answer:
        assert answer.read() == data[7:]
    with pytest.raises(HTTPError) as caught:
        urlopen(link + "x", timeout=10)
    with caught.value as refusal:
        assert refusal.code == 404


def test_http_client_and_urllib_fetch_from_our_server(run_lab: RunLab, tmp_path: Path) -> None:
    path = tmp_path / "a file.bin"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        for name, up in (("raw", float("inf")), ("shaped", 50e6)):
            host = lab.host(name, up=up)
            server = Server(host)
            link = await server.publish(path)
            await host.compute(converse, link.partition("#")[0])
            await server.close()

    run_lab(body, clock="real")


def test_http_client_uploads_with_a_length_and_in_chunks(run_lab: RunLab, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()

    def upload(address: tuple[str, int]) -> None:
        with closing(HTTPConnection(*address, timeout=10)) as connection:
            for name, body in (("whole", payload(SIZE)), ("chunks", iter([payload(SIZE)] * 2))):
                connection.request("PUT", f"/new/{name}", body=body)
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (201, b"")

    async def body(lab: Lab) -> None:
        host = lab.host("server")
        server = Server(host, library=Library(host, root, writable=True))
        await server.start()
        await host.compute(upload, server.addresses["http"])
        await server.close()
        assert (root / "new" / "whole").read_bytes() == payload(SIZE)
        assert (root / "new" / "chunks").read_bytes() == payload(SIZE) * 2

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
            link = str(Link("http", "127.0.0.1", server.server_port, "a file.bin", digest))
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
