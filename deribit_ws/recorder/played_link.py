"""One recorded link, played: to the client it is a transport like any other.

Knows: the order of what was recorded on a link, how it came to life, how it ended. Must not know: clients,
other links, files. `player` makes one for each dial.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import msgspec

from deribit_ws.errors import ConnectionLost
from deribit_ws.journal import note
from deribit_ws.recorder.answers import Answers
from deribit_ws.recorder.cursor import Cursor
from deribit_ws.recorder.index import LinkPlan
from deribit_ws.recorder.lines import LEFT_OUT, LOST, Record
from deribit_ws.recorder.pace import PATIENCE_SECONDS, Pace
from deribit_ws.recorder.steps import Steps
from deribit_ws.wire.codec import NOTIFICATION_HEAD, Envelope, decode_envelope

logger = logging.getLogger("deribit_ws.recorder")

_HEAD = NOTIFICATION_HEAD.decode()
_CLOSED = 1000, "closed by us"  # how a client's own end of its last link is recorded
_LOOKS = 20  # parts that the patience with an early call has
_ABNORMAL = 1006  # RFC 6455: an end without a close frame


class PlayedLink:
    """A recorded link as a `Transport`.

    Args:
        plan: what is known of it beforehand.
        cursor: at its first record that is to be played.
        pace: says when what is due.
        answers: answers the client's calls.
        wait_live: waits until the client says that what lives on the link is rebuilt.
        is_last: there is no other link after it.
        finish: called where the recording ends on a link that did not; does not return.
    """

    def __init__(
        self,
        plan: LinkPlan,
        cursor: Cursor,
        pace: Pace,
        *,
        answers: Answers,
        wait_live: Callable[[], Awaitable[object]],
        is_last: bool,
        finish: Callable[[], Awaitable[NoReturn]],
    ) -> None:
        self.plan = plan
        self.is_over = False  # its recorded end was reached
        self._cursor = cursor
        self._pace = pace
        self._answers = answers
        self._steps = Steps(plan.deeds)
        self._wait_live = wait_live
        self._is_last = is_last
        self._finish = finish
        self._loop = asyncio.get_running_loop()
        self._sink: Callable[[bytes], None] | None = None
        self._late: list[bytes] = []  # answers that nobody could take yet
        self._halted = False  # paused, or closed: looked at before each frame
        self._flowing = asyncio.Event()  # what a halted link waits for
        self._closed = False
        self._is_live = False
        self._frames = self._bytes = 0
        self.latest = b""

    @property
    def heard_at(self) -> float:
        """Now: a recorded silence is over when its link is."""
        return self._loop.time()

    @property
    def behind(self) -> bool:
        """True while paused."""
        return self._halted

    @property
    def received(self) -> tuple[int, int]:
        """Frames handed out so far, and their bytes."""
        return self._frames, self._bytes

    # --- out

    def send_now(self, frame: bytes) -> None:
        """Answer `frame`: a turn of the loop later, or when it was answered then."""
        if self._closed:
            raise ConnectionLost(_ABNORMAL, "the recording is played no more")
        if self.plan.live is None:
            return
        due = self._steps.make(frame)
        answer = self._answers.answer(frame, self.plan)
        if answer is None:
            return
        if due and self._is_live and self._pace.is_patient:
            self._steps.hold(answer, due)
            self._let_go_later(answer, _LOOKS)
        else:
            self._loop.call_soon(self._say, answer)

    async def send(self, frame: bytes) -> None:
        """The same."""
        self.send_now(frame)

    def ping(self) -> None:
        """A played link is never silent."""

    def _let_go_later(self, answer: bytes, looks: int) -> None:
        """Let go of an answer in a while; a time in which the machine stood still is a small part of it."""
        if looks:
            self._loop.call_later(PATIENCE_SECONDS / _LOOKS, self._let_go_later, answer, looks - 1)
        else:
            self._let_go(answer)

    def _let_go(self, answer: bytes) -> None:
        if self._steps.let_go(answer) and not self._closed:
            self._pace.is_patient = False  # this client does other things than the recorded one
            self._say(answer)

    def _say(self, frame: bytes) -> None:
        if self._sink is None or self._halted:
            self._late.append(frame)
        else:
            self._hand_out(frame, self._sink)

    # --- in

    async def pump(self, sink: Callable[[bytes], None]) -> NoReturn:
        """Hand out what was recorded, once the client is live; end as the link did."""
        self._sink = sink
        self.resume()
        if self.plan.live is not None:
            await self._wait_live()
            self._is_live = True
        self._pace.begin(await self._beginning())
        lost = await self._play()
        if self._is_last and (lost is None or (lost.code, lost.reason) == _CLOSED):
            await self._finish()
        self.is_over = True
        if lost is None:
            raise ConnectionLost(_ABNORMAL, "the recording does not say how this link ended")
        self._pace.begin(lost.t)
        raise ConnectionLost(lost.code, lost.reason, OSError(lost.reason) if lost.reset else None)

    def redirect(self, sink: Callable[[bytes], None]) -> None:
        """Hand the frames to another sink from the next on."""
        self._sink = sink

    def pause(self) -> None:
        """Stop handing out frames after the current one."""
        self._halted = True
        self._flowing.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._closed:
            return
        self._halted = False
        self._flowing.set()
        late, self._late = self._late, []
        for frame in late:
            self._loop.call_soon(self._say, frame)

    async def _beginning(self) -> int:
        """Give when that was recorded which is played now: what was held back until then is due at once."""
        ahead = await self._cursor.ahead(self.plan.n)
        first = ahead[0].t if ahead else self.plan.opened
        return max(first, self.plan.live or self.plan.opened)

    async def _play(self) -> Record | None:
        """Play until the recorded end of the link; give that, None where there is none."""
        while records := await self._cursor.ahead(self.plan.n):
            lost = await self._play_some(records)
            if lost is not None:
                return lost
        return None

    async def _play_some(self, records: Sequence[Record]) -> Record | None:
        pace, passed = self._pace, 0
        try:
            for record in records:
                if pace.must_wait(record.t):
                    await pace.wait(record.t)
                if self._halted:
                    await self._held_up()
                passed += 1
                if record.received is not None:
                    self._hear(record.t, record.received)
                elif record.sent is not None:
                    await self._keep_step(record.t, record.sent)
                elif record.event == LOST:
                    return record
                elif record.event == LEFT_OUT:
                    _note_missing(record)
        finally:
            self._cursor.passed(passed)
        return None

    async def _keep_step(self, t: int, sent: str) -> None:
        """Have the client do what was done here, before it is fed what followed."""
        self._steps.sent(sent)
        if self.plan.live is not None and t > self.plan.live:
            await self._pace.await_client(lambda: not self._steps.client_is_behind)

    async def _held_up(self) -> None:
        await self._flowing.wait()
        if self._closed:
            raise ConnectionLost(_ABNORMAL, "closed by this end")

    def _hear(self, t: int, text: str) -> None:
        if self.plan.live is None:
            return
        frame = text.encode()
        envelope = None if text.startswith(_HEAD) else _envelope_of(frame)
        if envelope is not None and envelope.id is not None:
            for answer in self._steps.answered(envelope.id):
                self._say(answer)
        elif envelope is None or envelope.method != "heartbeat":  # signs of life are given anew
            self._pace.now_ns = t
            assert self._sink is not None, "it is set before anything is played"
            self._hand_out(frame, self._sink)

    def _hand_out(self, frame: bytes, sink: Callable[[bytes], None]) -> None:
        self._frames += 1
        self._bytes += len(frame)
        self.latest = frame
        sink(frame)

    # --- the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Play no more."""
        self.abandon(code, reason)

    def abandon(self, code: int = 1000, reason: str = "") -> None:
        """Play no more."""
        self._closed = self._halted = True
        self._flowing.set()


def _envelope_of(frame: bytes) -> Envelope | None:
    """Read a frame that is no usual notification; None of garbage, which is handed out as it came."""
    try:
        return decode_envelope(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _note_missing(record: Record) -> None:
    text = "something is missing in the recording (frames, at least: %(count)d): %(why)s"
    note(logger, logging.WARNING, "frames_missing", text, count=record.frames, why=record.reason)
