"""PUT (RFC 9110, section 9.3.4): a file streamed into the library as fast as the disk takes it."""

from __future__ import annotations

import errno
import math

from central.errors import CorruptError
from central.http.body import Body
from central.http.conditions import Validators, judge
from central.http.fields import read_digest, write_digest
from central.http.heads import CONTINUE
from central.http.reply import Reply
from central.http.request import BadRequestError, Head
from central.http.target import parse_target
from central.http.working import asks, working
from central.library.library import Entry, Library
from central.site import Site

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def receive(reply: Reply, site: Site) -> None:
    """Take the request's body in as the file that it names, and answer."""
    head, permit = reply.head, reply.permit
    assert permit is not None
    target = parse_target(head.target)
    if target is None or target.folder:
        reply.say(403)
        return
    if b"content-range" in head.fields or b"content-encoding" in head.fields:
        # A part of a file (RFC 9110, section 14.5), or a coding that nobody would undo.
        reply.say(400 if b"content-range" in head.fields else 415)
        return
    digest = _digest(head)
    body = Body(head, site.limits.upload_bytes)
    conditions = _Conditions(head)
    try:
        # Now, so that a body that is for nothing need not come, and once more when it has come.
        conditions.judge(_there(site.library, target.path))
        upload = reply.upload = site.library.begin_upload(target.path)
        with permit.using(reply.way.reset):
            if head.expects_continue and reply.way.starved:
                reply.way.write(CONTINUE)
            while not body.done:
                content = body.feed(await reply.way.read())
                if permit.rate < math.inf:
                    await permit.pace(len(content))
                if content:
                    await site.host.compute(upload.write, content)
            reply.way.unread(body.rest)
            commit = site.host.compute(upload.commit, digest, conditions.judge)
            entry = await working(reply, site, commit, f"puts {target.path} in its place")
    except CorruptError:
        reply.say(400)
    except _FailedError:
        reply.say(412)
    except OSError as error:
        reply.say(507 if error.errno in _FULL else 500)
    else:
        # The body was read to its end, so that requests may follow.
        fields = f'ETag: "{entry.etag}"\r\n'
        if digest is not None and asks(head):
            fields += f"Repr-Digest: {write_digest(digest)}\r\n"
        if conditions.replaces:
            reply.respond(204, fields)
        else:
            reply.respond(201, f"{fields}Content-Length: 0\r\n")


class _FailedError(Exception):
    """A condition of the request does not hold."""


class _Conditions:
    """What a request says of the file that it replaces."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.replaces = False
        """There is one, as far as was seen."""

    def judge(self, there: Entry | None) -> None:
        """Look again, at what is there now. Raises _FailedError."""
        self.replaces = there is not None
        now = None if there is None else _validators(there)
        if judge("PUT", self._head.fields, now) != 200:
            raise _FailedError


def _digest(head: Head) -> str | None:
    """The SHA-256 (hex) that the body is said to have (RFC 9530). Raises BadRequestError.

    Without a coding, the content is the representation.
    """
    try:
        found = {
            digest
            for name in (b"repr-digest", b"content-digest")
            if (digest := read_digest(head.fields.get(name, b""))) is not None
        }
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    if len(found) > 1:
        raise BadRequestError("two digests that differ")
    return found.pop() if found else None


def _there(library: Library, path: str) -> Entry | None:
    """The file that is there now."""
    opened = library.open(path)
    if opened is None:
        return None
    opened.close()
    return opened.entry


def _validators(entry: Entry) -> Validators:
    return Validators(f'"{entry.etag}"'.encode("ascii"), entry.modified_ns // 10**9)
