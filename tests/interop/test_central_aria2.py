"""The central backend and aria2c, which asks for one file over several connections at once."""

import hashlib
import subprocess
from pathlib import Path

from lab import Lab, RunLab
from programs import needs
from recorders import payload

from central.library.library import Library
from central.server import Server

SIZE = 24_000_001


def test_several_connections_bring_one_file(run_lab: RunLab, tmp_path: Path) -> None:
    aria2c = needs("aria2c")
    root = tmp_path / "served"
    root.mkdir()
    data = payload(SIZE)
    root.joinpath("file.bin").write_bytes(data)

    async def body(lab: Lab) -> None:
        host = lab.host("server")
        server = Server(host, library=Library(host, root))
        await server.start()
        address, port = server.addresses["http"]
        command = [aria2c, "--no-conf", "--quiet", "--max-connection-per-server=8", "--split=8"]
        command += ["--min-split-size=1M", "--file-allocation=none", f"--dir={tmp_path}"]
        command += [f"--checksum=sha-256={hashlib.sha256(data).hexdigest()}"]
        command += ["--enable-dht=false", f"http://{address}:{port}/file.bin"]
        done = await host.compute(lambda: subprocess.run(command, capture_output=True, timeout=30))
        await server.close()
        assert (done.returncode, done.stderr) == (0, b"")
        assert tmp_path.joinpath("file.bin").read_bytes() == data
        # It lets go of the first answer's rest; little of it was on its way.
        assert host.meter.calls["accept"] >= 8

    run_lab(body, clock="real")
