"""The kernel's faults, the quick ones of them: the others take a minute, and are for `make faults`."""

import asyncio

import pytest

from tests.faults import kernel, kernel_limits, kernel_net
from tests.faults.kernel_lines import Process
from tests.faults.kernel_net import Dropped, Wire
from tests.faults.kernel_referee import FOUND_SECONDS
from tests.faults.kernel_scene import on_loopback

needs_net = pytest.mark.skipif(kernel.why_not() is not None, reason=str(kernel.why_not()))
linux_only = pytest.mark.skipif(kernel.why_not(13) is not None, reason=str(kernel.why_not(13)))
A_WHILE = 1.5  # seconds of packets dropped, in which TCP sends again several times
WORD = ["dropped"]
# What the server and the client hear of each other meanwhile. Where ours are dropped, acknowledgements go
# with them, and the server's first word still arrives.
HEARD = {
    Dropped.LINK: ([], []),
    Dropped.PATH: ([], []),
    Dropped.CONNECTION: ([], []),
    Dropped.SERVERS: (WORD, []),
    Dropped.OURS: ([], WORD),
    Dropped.OUR_WRITES: ([], WORD),
}


@linux_only
async def test_the_referee_can_say_no() -> None:
    """A session with a drop is not taken for one without, nor one without for one with a drop."""
    async with on_loopback(seed=0) as scene, on_loopback(seed=1) as calm:
        await scene.far.ask("drop")
        await scene.mark(3)

        with pytest.raises(AssertionError, match="G3"):
            await scene.judge(drops=0)
        with pytest.raises(AssertionError, match="G3"):
            await calm.judge(drops=1)


@needs_net
async def test_packets_are_dropped_in_silence() -> None:
    """What is dropped is told to neither end, goes only the way it says, and arrives when it is mended."""
    heard = dict(zip(Dropped, await asyncio.gather(*map(_dropped, Dropped)), strict=True))

    assert heard == HEARD


async def _dropped(what: Dropped) -> tuple[list[str], list[str]]:
    """Let both ends of a bare connection say a word into a fault; give what is heard before it is mended."""
    far, near = (Process("tests.faults.kernel_raw", before=kernel_net.ALONE) for _ in range(2))
    async with far, near:
        await asyncio.gather(far.ask("ready"), near.ask("ready"))
        wire = Wire(far.pid, near.pid)
        await wire.lay()
        await far.ask("listen", host=kernel_net.FAR, port=kernel_net.PORT)
        await near.ask("dial", host=kernel_net.FAR, port=kernel_net.PORT)
        await wire.drop(what)
        for end in (far, near):
            await end.ask("say", text=WORD[0])
        await asyncio.sleep(A_WHILE)
        heard = await far.ask("heard"), await near.ask("heard")
        await wire.heal()
        for end in (far, near):
            assert await end.ask("heard_in_time", text=WORD[0]) == WORD
    return heard


@linux_only
async def test_a_short_stop_an_exhausted_process_and_no_fault_at_all() -> None:
    """A server that stops for 5 s costs nothing, a dial without descriptors is made again, calm is calm."""
    calm, stopped, again = await asyncio.gather(
        _calm(0), kernel.stopped_shortly(0), kernel_limits.no_files(0, by_name=True)
    )

    assert calm == ["Connected"]
    assert stopped == 0
    assert again >= 0


async def _calm(seed: int) -> list[str]:
    async with on_loopback(seed) as scene:
        account = await scene.judge(drops=0)
    return [mark["name"] for mark in account["marks"]]


@needs_net
async def test_requests_that_vanish_are_noticed_while_data_flows() -> None:
    """Where all that the server says arrives, and no request of ours does, the link is given up in time."""
    assert await kernel.dropped(0, Dropped.OUR_WRITES) <= FOUND_SECONDS
