"""One corpus of attacks on a server's directory, for all protocols: what lies there, what is asked.

Every protocol is to give each of `GOOD`, to refuse each of `PATHS` (HTTP each of `TARGETS` too) in
the way in which it refuses what is not there, and never to say `SECRET` in any answer.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

SECRET = b"nobody outside may ever read this"

DEEPEST = 64
"""Names in the longest path that is served: central.paths.MAX_DEPTH."""

GOOD: dict[str, bytes] = {
    path: f"content of {number}\n".encode()
    for number, path in enumerate(
        [
            "good.txt",
            "folder/in a/deep.bin",
            "folder/same.txt",
            "same.txt",
            "no-suffix",
            "with several  spaces.txt",
            " begins and ends with a space ",
            "100%.txt",
            "%2e%2e",
            "%41.txt",
            "what?.txt",
            "what?a=b&c=d",
            "hash#1.txt",
            "plus+and&.txt",
            "semi;colon=1.txt",
            "quote'and\"double.txt",
            "<img src=x onerror=alert(1)>.txt",
            "[brackets]{braces}(both).txt",
            "star*.txt",
            "~",
            "-rf",
            "@user:pass",
            "C:colon",
            "CON",
            "file.part",
            "a..b",
            "ends with a dot.",
            "three...",
            "héllo ü.txt",
            "he\u0301llo decomposed.txt",
            "漢字/かな.txt",
            "🙂.txt",
            "\u202egnp.txt",
            "x" * 255,
            "é" * 127,
            "/".join(["d"] * (DEEPEST - 1) + ["bottom"]),
        ]
    )
} | {"empty": b"", "folder/large.bin": bytes(range(256)) * 1024}
"""What is to be had, by decoded path."""

LINKS = {
    "link-absolute": "{outside}/secret.txt",
    "link-relative": "../outside/secret.txt",
    "link-chain": "link-chain-2",
    "link-chain-2": "folder/link-chain-3",
    "folder/link-chain-3": "../../outside/secret.txt",
    "link-dangling": "../outside/made.txt",
    "link-dangling-folder": "../outside/made",
    "link-to-itself": "link-to-itself",
    "link-folder": "{outside}",
    "link-folder-relative": "../outside",
    "link-up": "..",
    "folder/link-up": "../..",
    "link-to-slash": "/",
    "link-to-descriptors": "/proc/self/fd",
    "link-inside": "good.txt",
    "link-inside-folder": "folder",
    "link-here": ".",
}
"""Symbolic links below the root and where they lead; none is followed, not even inside."""

HIDDEN = [".hidden", "folder/.hidden", ".git/config", ".uploads", "..double"]
"""Files with a dot in front, which are never to be had."""

STRANGE = [b"line\nbreak", b"tab\tinside", b"back\\slash", b"\xff\xfe.bin", b"\x7f", b"c1\xc2\x85"]
"""Names on disk that nobody can ask for; a listing leaves them out."""

LOCKED = "locked.txt"
"""A file without any right to read it, which only root can (then it is to be had: `b"locked"`)."""

PIPE, SOCKET = "pipe", "socket"

PATHS: list[str] = [
    # out of the directory
    "..",
    "../",
    "../outside/secret.txt",
    "../../etc/passwd",
    "../" * 40 + "etc/passwd",
    "folder/../../outside/secret.txt",
    "folder/../../root/good.txt",
    "folder/..",
    "absent/../../outside/secret.txt",
    "good.txt/../../outside/secret.txt",
    "./../outside/secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "/../outside/secret.txt",
    "///",
    "/",
    "file:///etc/passwd",
    "..\\outside\\secret.txt",
    "folder\\..\\..\\outside\\secret.txt",
    "\\\\server\\share",
    "C:\\boot.ini",
    # into what looks like it, were it repaired, decoded again, or cut
    "./good.txt",
    "folder/./same.txt",
    "folder/../good.txt",
    "folder//same.txt",
    "/good.txt",
    "good.txt/",
    "good.txt/.",
    "good.txt/inside",
    "good.txt\0",
    "good.txt\0.html",
    "good.txt\n",
    "good.txt\r\nX-Injected: 1",
    "good\\.txt",
    "%2e%2e/outside/secret.txt",
    "..%2foutside%2fsecret.txt",
    "%2e%2e%2foutside%2fsecret.txt",
    "%252e%252e%252foutside%252fsecret.txt",
    "..%c0%afoutside%c0%afsecret.txt",
    "....//outside/secret.txt",
    "..;/outside/secret.txt",
    "..\u2215outside\u2215secret.txt",
    "\uff0e\uff0e/outside/secret.txt",
    "\u2024\u2024/outside/secret.txt",
    "GOOD.TXT",
    "good.txt::$DATA",
    "good.txt ",
    "good.txt.",
    "héllo u\u0308.txt",
    # folders, and what is no file
    ".",
    "",
    "folder",
    "folder/",
    PIPE,
    SOCKET,
    # hidden, strange and absent
    *HIDDEN,
    ".absent",
    ".git",
    "line\nbreak",
    "tab\tinside",
    "back\\slash",
    "\udcff\udcfe.bin",
    "\x7f",
    "c1\x85",
    "absent",
    "folder/absent/absent",
    # links, and ways through them
    *LINKS,
    "link-folder/secret.txt",
    "link-folder-relative/secret.txt",
    "link-up/outside/secret.txt",
    "folder/link-up/outside/secret.txt",
    "link-to-slash/etc/passwd",
    "link-to-descriptors/0",
    "link-inside-folder/same.txt",
    "link-here/good.txt",
    "link-to-itself/good.txt",
    "link-dangling-folder/made.txt",
    # too long, too deep
    "x" * 256,
    "é" * 128,
    "y" * 5000,
    "z/" * 3000 + "z",
    "/".join(["d"] * DEEPEST + ["deeper"]),
]
"""Decoded paths to refuse, whether a file is to be read or to be written there.

Those with an inconspicuous name may be written (`absent`, say), for they stay inside.
"""

_RAW: list[bytes] = [
    b"/..",
    b"/../",
    b"/../outside/secret.txt",
    b"/../../../../../../etc/passwd",
    b"/folder/../../outside/secret.txt",
    b"/%2e%2e/outside/secret.txt",
    b"/%2E%2E/outside/secret.txt",
    b"/.%2e/outside/secret.txt",
    b"/%2e./outside/secret.txt",
    b"/..%2foutside%2fsecret.txt",
    b"/..%2Foutside/secret.txt",
    b"/%2e%2e%2foutside%2fsecret.txt",
    b"/%2foutside/secret.txt",
    b"/%2fetc%2fpasswd",
    b"//etc/passwd",
    b"//outside/secret.txt",
    b"//good.txt",
    b"/./good.txt",
    b"/folder/../good.txt",
    b"/folder/%2e%2e/good.txt",
    b"/%252e%252e/outside/secret.txt",
    b"/%252e%252e%252foutside%252fsecret.txt",
    b"/%25252e%25252e%25252foutside%25252fsecret.txt",
    b"/%u002e%u002e/outside/secret.txt",
    b"/%%32%65%%32%65/outside/secret.txt",
    # dots and slashes in more bytes than they have (RFC 3629, section 10)
    b"/%c0%ae%c0%ae/outside/secret.txt",
    b"/..%c0%afoutside%c0%afsecret.txt",
    b"/%e0%80%ae%e0%80%ae/outside/secret.txt",
    b"/%e0%80%af..%e0%80%afoutside",
    b"/%f0%80%80%ae%f0%80%80%ae/outside/secret.txt",
    b"/%c0%2e%c0%2e/outside/secret.txt",
    b"/..%ef%bc%8foutside%ef%bc%8fsecret.txt",
    b"/..%5coutside%5csecret.txt",
    b"/..%5Coutside%5Csecret.txt",
    b"/..\\outside\\secret.txt",
    b"/%5c%5cserver%5cshare",
    b"/..;/outside/secret.txt",
    b"/..;a=b/outside/secret.txt",
    b"/good.txt%00",
    b"/good.txt%00.html",
    b"/%00",
    b"/good.txt%0a",
    b"/good.txt%0d%0aX-Injected:%201",
    b"/good.txt%20",
    b"/good.txt/",
    b"/good.txt/..",
    b"/good.txt%2f",
    b"/good.txt#fragment",
    b"/%ff%fe.bin",
    b"/%ed%b3%bf%ed%b3%be.bin",
    b"/%80",
    b"/\xff\xfe.bin",
    b"/%",
    b"/%zz",
    b"/%2",
    b"/good.txt%",
    b"/" + b"x" * 256,
    b"/" + b"y" * 5000,
    b"/" + b"%2e%2e%2f" * 300 + b"etc/passwd",
    # forms that are not a path with a slash in front (RFC 9112, section 3.2)
    b"good.txt",
    b"../outside/secret.txt",
    b"*",
    b"?",
    b"file:///etc/passwd",
    b"ftp://127.0.0.1/good.txt",
    b"http://",
    b"http:///etc/passwd",
    b"http://127.0.0.1/../outside/secret.txt",
    b"http://127.0.0.1/%2e%2e/outside/secret.txt",
    b"http://127.0.0.1//etc/passwd",
    b"http:/good.txt",
    b"http:good.txt",
]

GOOD_TARGETS: dict[bytes, str] = {
    **{b"/" + quote(path).encode(): path for path in GOOD},
    b"/%67%6f%6F%64.txt": "good.txt",
    b"/%2541.txt": "%41.txt",
    b"/folder/in%20a/deep.bin": "folder/in a/deep.bin",
    b"/plus+and&.txt": "plus+and&.txt",
    b"/semi;colon=1.txt": "semi;colon=1.txt",
}
"""HTTP request targets that are to be answered, each with the file's path."""


def _target(path: str) -> bytes:
    """The target that an honest client would ask for the path by."""
    return b"/" + quote(path, errors="surrogateescape").encode()


TARGETS: list[bytes] = list(
    dict.fromkeys(
        _RAW
        # A target of a folder is for a listing, and these protocols' own question.
        + [_target(path) for path in PATHS if path not in ("", "folder", "folder/")]
    )
)
"""HTTP request targets, as they go over the wire, that are never answered with a file."""


@dataclass(frozen=True)
class Attacked:
    """A directory to serve, a secret beside it, and what would show that somebody was led there."""

    root: Path
    """The directory to serve."""
    outside: Path
    """A folder beside it, with `secret.txt`, that nothing may touch."""
    before: dict[str, object] = field(repr=False)

    @classmethod
    def build(cls, folder: Path) -> "Attacked":
        """Everything below `folder`, which is there and empty."""
        root, outside = folder / "root", folder / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_bytes(SECRET)
        root.mkdir()
        for path, content in GOOD.items():
            root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
            root.joinpath(path).write_bytes(content)
        deeper = root.joinpath(*["d"] * DEEPEST)
        deeper.mkdir()
        (deeper / "deeper").write_bytes(SECRET)
        for path in HIDDEN:
            root.joinpath(path).parent.mkdir(exist_ok=True)
            root.joinpath(path).write_bytes(SECRET)
        for name in STRANGE:
            Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(SECRET)
        for path, to in LINKS.items():
            root.joinpath(path).symlink_to(to.format(outside=outside))
        (root / LOCKED).write_bytes(b"locked")
        (root / LOCKED).chmod(0)
        os.mkfifo(root / PIPE)
        with suppress(OSError):  # not every system lets everybody
            os.mknod(root / SOCKET, stat.S_IFSOCK | 0o600)
        return cls(root, outside, _state(root, outside))

    @property
    def paths(self) -> list[str]:
        """`PATHS`, and ways that only this place has."""
        secret = str(self.outside / "secret.txt")
        return [*PATHS, secret, secret[1:], f"/{secret}", f"../{self.root.name}/good.txt"]

    @property
    def targets(self) -> list[bytes]:
        """`TARGETS`, and ways that only this place has."""
        secret = str(self.outside / "secret.txt")
        own = [secret, f"/{secret}", quote(secret, safe=""), f"file://{secret}"]
        return [*TARGETS, *(target.encode() for target in own), b"/" + quote(secret).encode()]

    @property
    def readable(self) -> dict[str, bytes]:
        """`GOOD`, and what root alone can read, for root."""
        locked = os.access(self.root / LOCKED, os.R_OK)
        return GOOD | ({LOCKED: b"locked"} if locked else {})

    def assert_untouched(self) -> None:
        """Nothing outside was made, changed or removed, nor what must not be reached inside."""
        assert _state(self.root, self.outside) == self.before


def _state(root: Path, outside: Path) -> dict[str, object]:
    """What is outside, which names are beside it, and the hidden files and links inside."""
    watched = [outside, *outside.rglob("*"), *(root / path for path in [*HIDDEN, *LINKS, PIPE])]
    state: dict[str, object] = {"beside": sorted(os.listdir(root.parent))}  # noqa: PTH208
    for path in watched:
        found = path.lstat()
        state[str(path)] = (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns)
        if path.is_symlink():
            state[f"{path} leads to"] = os.readlink(path)  # noqa: PTH115
        elif path.is_file():
            state[f"{path} holds"] = path.read_bytes()
    return state
