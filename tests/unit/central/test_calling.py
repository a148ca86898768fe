"""A client's call to a server, and each way in which it fails."""

import asyncio
import math

import pytest
from lab import Lab, RunLab

from central.calling import call
from central.errors import TransferError
from central.link import Link


def test_a_call(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        far, here = lab.host("far", latency=2), lab.host("here", latency=2)
        listener = await far.listen(asyncio.Protocol)
        target = Link("socket", *listener.address, "a")
        with pytest.raises(TransferError) as caught:
            await call(here, target, 3, asyncio.Protocol)
        assert str(caught.value) == f"{target.authority} does not answer: nothing for 3 s"
        assert lab.now == 3
        await call(here, target, 5, asyncio.Protocol)
        assert lab.now == 7
        await call(here, target, math.inf, asyncio.Protocol)
        assert lab.now == 11
        listener.close()
        with pytest.raises(TransferError) as caught:
            await call(here, target, 5, asyncio.Protocol)
        assert str(caught.value) == f"{target.authority} does not answer: Connection refused"

    run_lab(body)


def test_a_name_that_is_none(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        target = Link("socket", "a" * 64, 1, "a")
        with pytest.raises(TransferError, match=r"^a{64}:1 does not answer: ."):
            await call(lab.host("here"), target, 3, asyncio.Protocol)

    run_lab(body)
