"""Which request gets which answer (RFC 9110): the door first, then the path, then the file.

What is small is answered at once; anything that takes time is a coroutine that the connection runs.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from central.access.guard import Right
from central.errors import CentralError, DeniedError, DiskError
from central.http import page
from central.http.conditions import Validators, judge
from central.http.fields import prefers_page, read_token
from central.http.heads import Plan, plan_file
from central.http.intake import receive
from central.http.reply import RETRY, Reply
from central.http.request import BadRequestError, Head
from central.http.target import Target, parse_target
from central.http.waiting import hold, wait_of
from central.http.working import asks, working
from central.library.library import Entry, Opened
from central.site import Site

SMALL = 64 * 1024
"""Bytes of a file that are read and sent together with the head, without a task."""

Rest = Coroutine[Any, Any, None]
"""An answer, or the rest of one, that takes time."""


def begin(reply: Reply, site: Site) -> Rest | None:
    """Answer, or return the coroutine that will."""
    try:
        rest = _begin(reply, site)
    except (CentralError, OSError) as error:
        _fail(reply, error)
        return None
    return None if rest is None else _over_time(reply, rest)


async def _over_time(reply: Reply, rest: Rest) -> None:
    try:
        await rest
    except (CentralError, OSError) as error:
        _fail(reply, error)


def _fail(reply: Reply, error: CentralError | OSError) -> None:
    """Answer what went wrong, or end an answer that has begun already."""
    if isinstance(error, BadRequestError):
        reply.close(error.status)
    elif reply.status:
        reply.way.reset()
    elif isinstance(error, DeniedError):
        reply.deny(error)
    elif isinstance(error, DiskError):
        reply.close(500)
    else:
        # Out of descriptors, most likely: what is not there is no error.
        reply.close(503, RETRY)


def _begin(reply: Reply, site: Site) -> Rest | None:
    head, library = reply.head, site.library
    right: Right = "write" if head.method == "PUT" else "read"
    token = read_token(head.fields.get(b"authorization"))
    reply.permit = site.guard.check(token, right)
    if head.method == "PUT" and library.writable:
        return receive(reply, site)
    if head.method not in ("GET", "HEAD"):
        reply.say(405, f"Allow: GET, HEAD{', PUT' if library.writable else ''}\r\n")
    elif head.length != 0:
        # A body means nothing here, and has been used to smuggle requests.
        reply.close(400)
    elif (target := parse_target(head.target)) is None:
        reply.say(404)
    elif wait_of(head):
        return _show_what_is_new(reply, site, target)
    else:
        return _show(reply, site, target)
    return None


def _show(reply: Reply, site: Site, target: Target) -> Rest | None:
    library = site.library
    if target.folder:
        return _list(reply, site, target.path)
    if (opened := library.open(target.path)) is None:
        if library.is_folder(target.path):
            reply.say(301, f"Location: {Target(target.path, True)}\r\n")
        else:
            reply.say(404)
        return None
    reply.opened = opened
    digest = library.known_digest(opened)
    if digest is None and asks(reply.head):
        return _give_with_digest(reply, site, opened)
    return _give(reply, opened, digest)


async def _show_what_is_new(reply: Reply, site: Site, target: Target) -> None:
    head, library = reply.head, site.library

    async def unchanged() -> bool:
        if target.folder:
            listed = await _look(head, site, target.path)
            etag = None if listed is None else listed[1]
        else:
            opened = library.open(target.path)
            etag = None
            if opened is not None:
                opened.close()
                etag = opened.entry.etag
        return etag is not None and _judge(head, etag) == 304

    await hold(reply, site, target, unchanged)
    rest = _show(reply, site, target)
    if rest is not None:
        await rest


# ---- files


def _give(reply: Reply, opened: Opened, digest: str | None) -> Rest | None:
    plan = plan_file(reply.head, opened.entry, digest, int(reply.now.timestamp()))
    permit = reply.permit
    assert permit is not None
    if not plan.size:
        if plan.status == 200 and reply.head.method == "GET":
            permit.reserve(1.0)  # an empty file is a file
        reply.respond(plan.status, plan.fields, plan.body)
        return None
    if plan.size > SMALL or permit.rate < math.inf:
        return _send(reply, opened, plan)
    permit.reserve(plan.size / opened.entry.size)
    data = os.pread(opened.file.fileno(), plan.size, plan.offset)
    if len(data) < plan.size:
        reply.way.reset()  # it is being cut short this very moment
    else:
        reply.respond(plan.status, plan.fields, data)
    return None


async def _give_with_digest(reply: Reply, site: Site, opened: Opened) -> None:
    name = f"wants {opened.entry.path} hashed"
    digest = await working(reply, site, site.library.digest(opened), name)
    rest = _give(reply, opened, digest)
    if rest is not None:
        await rest


async def _send(reply: Reply, opened: Opened, plan: Plan) -> None:
    permit, way = reply.permit, reply.way
    assert permit is not None
    whole = opened.entry.size
    permit.reserve(plan.size / whole)
    begin = math.inf
    try:
        with permit.using(way.reset):
            reply.respond(plan.status, plan.fields)
            begin = way.position()
            while reply.sent < plan.size:
                size = permit.stretch(plan.size - reply.sent)
                if permit.rate < math.inf:
                    await permit.pace(size)
                await way.send_file(opened.file, plan.offset + reply.sent, size)
                reply.sent += size
    except BaseException:
        reply.cut = True
        reply.sent = int(min(plan.size, max(reply.sent, way.gone_out() - begin)))
        permit.refund((plan.size - reply.sent) / whole)
        raise


# ---- folders


async def _list(reply: Reply, site: Site, path: str) -> None:
    head = reply.head
    listed = await _look(head, site, path)
    if listed is None:
        reply.say(404)
        return
    body, etag = listed
    fields = f'ETag: "{etag}"\r\nVary: Accept\r\nCache-Control: no-cache\r\n'
    status = _judge(head, etag)
    if status == 304:
        reply.respond(304, fields)
    elif status == 412:
        reply.say(412)
    else:
        as_page = prefers_page(head.fields.get(b"accept"))
        kind = "text/html; charset=utf-8" if as_page else "application/json"
        fields += (
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Security-Policy: {page.POLICY}\r\nX-Content-Type-Options: nosniff\r\n"
        )
        reply.respond(200, fields, body)


async def _look(head: Head, site: Site, path: str) -> tuple[bytes, str] | None:
    """The listing of a folder and a name for what it says; None where there is no such folder."""
    entries = await site.host.compute(site.library.listing, path)
    if entries is None:
        return None
    as_page = prefers_page(head.fields.get(b"accept"))
    write = page.write_page if as_page else page.write_json
    return await site.host.compute(_write_listing, write, path, entries)


def _judge(head: Head, etag: str) -> int:
    """What the request's conditions make of a version that has no time of its own."""
    return judge(head.method, head.fields, Validators(f'"{etag}"'.encode("ascii"), None))


def _write_listing(
    write: Callable[[str, Sequence[Entry]], bytes], path: str, entries: Sequence[Entry]
) -> tuple[bytes, str]:
    """The body, and a name for what it says."""
    body = write(path, entries)
    return body, hashlib.sha256(body).hexdigest()[:32]
