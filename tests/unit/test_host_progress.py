"""host.progress: how far what was written has come, over real sockets."""

import asyncio

from lab import Lab, RunLab
from recorders import pair, payload

from host.clock import Clock
from host.progress import Progress, progress


def test_what_was_taken_counts_as_sent(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a"), lab.host("b"))
        assert progress(near.transport) == Progress(0, 0)
        near.transport.write(payload(50_000))
        await far.has(50_000)
        assert progress(near.transport) == Progress(50_000, 0)
        assert progress(far.transport) == Progress(0, 0)
        for end in (near, far):
            end.transport.close()
            await end.lost
            await asyncio.sleep(0)
            assert progress(end.transport) is None

    run_lab(body, clock=clock)


def test_what_nobody_takes_waits(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a"), lab.host("b"))
        far.transport.pause_reading()
        near.transport.write(bytes(30_000_000))
        await asyncio.sleep(0.3)
        state = progress(near.transport)
        assert state is not None
        assert state.waiting > 0
        buffered = near.transport.get_write_buffer_size()
        assert state.sent + state.waiting + buffered == 30_000_000
        far.transport.resume_reading()
        await far.has(30_000_000)
        assert progress(near.transport) == Progress(30_000_000, 0)
        for end in (near, far):
            end.transport.close()
            await end.lost

    run_lab(body, clock="real")
