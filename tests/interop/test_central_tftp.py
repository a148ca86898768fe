"""The TFTP server and strangers: the tftp-hpa client and curl, byte-exact, on the real clock."""

import subprocess
from pathlib import Path

import pytest
from lab import Lab, RunLab
from programs import needs
from recorders import payload
from tftp_lab import Served

SIZES = [0, 1, 511, 512, 513, 1428, 100_000]


def run(*words: object, folder: Path) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, timeout=15
    )
    assert done.returncode == 0, done
    return done.stdout + done.stderr


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for size in SIZES:
        (folder / f"f{size}").write_bytes(payload(size))
    return folder


def test_tftp_hpa_gets_and_puts(run_lab: RunLab, tmp_path: Path, files: Path) -> None:
    tftp = needs("tftp")

    def stranger(address: str, port: int) -> None:
        for size in SIZES:
            said = run(
                tftp, address, port, "-m", "binary", "-c", "get", f"f{size}", folder=tmp_path
            )
            assert "rror" not in said
            got = tmp_path / f"f{size}"
            assert got.read_bytes() == payload(size)
            got.rename(tmp_path / f"up{size}")
            run(tftp, address, port, "-m", "binary", "-c", "put", f"up{size}", folder=tmp_path)
        said = run(tftp, address, port, "-m", "binary", "-c", "get", "../x", folder=tmp_path)
        assert "no such file" in said

    async def body(lab: Lab) -> None:
        served = await Served.start(lab, root=files, writable=True, port=0)
        await served.host.compute(stranger, *served.address)
        for size in SIZES:
            assert (files / f"up{size}").read_bytes() == payload(size)
        assert [each.status for each in served.log].count(200) == len(SIZES)
        await served.close()

    run_lab(body, clock="real")


def test_tftp_hpa_puts_twice_and_gets_in_one_session(run_lab: RunLab, tmp_path: Path) -> None:
    """All of a session comes from one port, and nothing of it is taken for what came before."""
    tftp = needs("tftp")
    root = tmp_path / "files"
    root.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())

    def stranger(address: str, port: int) -> str:
        commands = "binary\nput one n\nput two n\nget n back\nput one n\nquit\n"
        done = subprocess.run(
            [tftp, address, str(port)],
            cwd=tmp_path,
            input=commands,
            capture_output=True,
            text=True,
            timeout=15,
        )
        return done.stdout + done.stderr

    async def body(lab: Lab) -> None:
        served = await Served.start(lab, root=root, writable=True, port=0)
        said = await served.host.compute(stranger, *served.address)
        assert "rror" not in said and "imed out" not in said
        assert (tmp_path / "back").read_bytes() == b"two"
        assert (root / "n").read_bytes() == b"one"
        await served.close()
        assert [(each.line, each.status) for each in served.log] == [
            ("WRQ /n TFTP", 201),
            ("WRQ /n TFTP", 201),
            ("RRQ /n TFTP", 200),
            ("WRQ /n TFTP", 201),
        ]

    run_lab(body, clock="real")


@pytest.mark.parametrize("options", [[], ["--tftp-blksize", "1428"], ["--tftp-no-options"]])
def test_curl_gets_and_puts(
    run_lab: RunLab, tmp_path: Path, files: Path, options: list[str]
) -> None:
    curl = needs("curl")

    def stranger(address: str, port: int) -> None:
        for size in SIZES:
            url = f"tftp://{address}:{port}"
            run(curl, "-sS", *options, "-o", "got", f"{url}/f{size}", folder=tmp_path)
            assert (tmp_path / "got").read_bytes() == payload(size)
            run(curl, "-sS", *options, "-T", "got", f"{url}/up{size}", folder=tmp_path)

    async def body(lab: Lab) -> None:
        served = await Served.start(lab, root=files, writable=True, port=0)
        await served.host.compute(stranger, *served.address)
        for size in SIZES:
            assert (files / f"up{size}").read_bytes() == payload(size)
        await served.close()

    run_lab(body, clock="real")
