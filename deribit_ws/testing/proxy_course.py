"""How far the bytes of a link come before it is cut.

Knows: the faults armed for a link, the bytes and frames that pass. Must not know: sockets, time, or
what is at the ends: it is told of bytes and says which of them pass and whether the link ends behind
them. Each connection of `ChaosProxy` and `MemoryNetwork` has one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from deribit_ws.testing.proxy_faults import CutAfter, CutRequest, Ending, Moment, Way
from deribit_ws.testing.proxy_frames import Frame, FrameFinder

TEXT = 0x1


@dataclass(frozen=True, slots=True)
class Passed:
    """What becomes of bytes: these pass, then the link ends if `ending` is given.

    `unsent`: they are not even written, and their writer is to know it at once.
    """

    data: bytes
    ending: Ending | None = None
    unsent: bool = False


class CutRequests:
    """The requests at which links are to be cut, of one network or proxy."""

    def __init__(self) -> None:
        self._armed: list[list[CutRequest]] = []

    def __bool__(self) -> bool:
        return bool(self._armed)

    def arm(self, cut: CutRequest) -> None:
        """Keep a cut for as many calls as it says."""
        self._armed.append([cut] * cut.times)

    def clear(self) -> None:
        """Forget all of them."""
        self._armed.clear()

    def take(self, method: str) -> CutRequest | None:
        """Use up the oldest that concerns a method."""
        for cuts in self._armed:
            if cuts[-1].method in (method, "*"):
                cut = cuts.pop()
                self._armed = [left for left in self._armed if left]
                return cut
        return None


class _Envelope(msgspec.Struct):
    method: str | None = None
    id: int | str | None = None


@dataclass(slots=True)
class _Limit:
    left: int
    cut: CutAfter


class Course:
    """What passes on one connection.

    Args:
        requests: shared with the other connections.
        on_frame: told of each whole text frame with its way; None: of none.

    Attributes:
        passed: bytes let through in each direction.
        ended: True once it was cut; nothing passes any more.
    """

    def __init__(self, requests: CutRequests, on_frame: Callable[[Way, bytes], object] | None = None) -> None:
        self.passed = {Way.UP: 0, Way.DOWN: 0}
        self.ended = False
        self._requests = requests
        self._on_frame = on_frame
        self._finders = {Way.UP: FrameFinder(), Way.DOWN: FrameFinder()}
        self._held = {Way.UP: b"", Way.DOWN: b""}
        self._limits: list[_Limit] = []
        self._answer: tuple[int | str | None, CutRequest] | None = None

    def limit(self, cut: CutAfter) -> None:
        """Cut after so many bytes from now on."""
        self._limits.append(_Limit(cut.nbytes, cut))

    def feed(self, way: Way, data: bytes) -> Passed:
        """What becomes of bytes that have come."""
        if self.ended:
            return Passed(b"")
        limited = self._within_limits(way, data)
        judged = self._judged(way, limited.data)
        self.passed[way] += len(judged.data)
        if limited.ending and not judged.ending:
            judged = Passed(judged.data + self.flush(way), limited.ending)
        self.ended = judged.ending is not None
        return judged

    def flush(self, way: Way) -> bytes:
        """What was held back until its frame be whole, now that no more will come."""
        held, self._held[way] = self._held[way], b""
        self.passed[way] += len(held)
        return b"" if self.ended else held

    def _within_limits(self, way: Way, data: bytes) -> Passed:
        """The bytes that no `CutAfter` keeps from passing."""
        concerned = [limit for limit in self._limits if limit.cut.way in (way, None)]
        shortest = min(concerned, key=lambda limit: limit.left, default=None)
        for limit in concerned:
            limit.left -= len(data)
        if shortest is None or shortest.left > 0:
            return Passed(data)
        return Passed(data[: len(data) + shortest.left], shortest.cut.how)

    def _judged(self, way: Way, data: bytes) -> Passed:
        """The bytes that no `CutRequest` keeps from passing, or keeps waiting until a frame is whole."""
        finder = self._finders[way]
        waiting = self._held[way] + data
        begin = self.passed[way]
        for frame in finder.feed(data):
            if frame.opcode != TEXT:
                continue
            if self._on_frame:
                self._on_frame(way, frame.payload)
            if found := self._cut_at(way, frame):
                at, cut = found
                self._held[way] = b""
                return Passed(waiting[: max(0, at - begin)], cut.how, cut.moment is Moment.UNSENT)
        # A frame that may be cut in the middle must be read first: its rest may still be on the way.
        wary = finder.upgraded and bool(self._requests if way is Way.UP else self._answer)
        keep = max(0, finder.settled - begin) if wary else len(waiting)
        self._held[way] = waiting[keep:]
        return Passed(waiting[:keep])

    def _cut_at(self, way: Way, frame: Frame) -> tuple[int, CutRequest] | None:
        return self._cut_of_request(frame) if way is Way.UP else self._cut_of_answer(frame)

    def _cut_of_request(self, frame: Frame) -> tuple[int, CutRequest] | None:
        if not self._requests or self._answer:  # one at a time: this link is to end anyway
            return None
        request = _envelope(frame)
        cut = self._requests.take(request.method or "")
        if cut is None:
            return None
        if cut.moment in (Moment.UNANSWERED, Moment.HALF_ANSWERED):
            self._answer = request.id, cut
            return None
        half = (frame.end - frame.begin) // 2 if cut.moment is Moment.HALF_SENT else 0
        return frame.begin + half, cut

    def _cut_of_answer(self, frame: Frame) -> tuple[int, CutRequest] | None:
        if self._answer is None:
            return None
        request_id, cut = self._answer
        answer = _envelope(frame)
        if answer.method is not None or answer.id != request_id:
            return None
        half = (frame.end - frame.begin) // 2 if cut.moment is Moment.HALF_ANSWERED else 0
        return frame.begin + half, cut


def _envelope(frame: Frame) -> _Envelope:
    try:
        return msgspec.json.decode(frame.payload, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Envelope("")  # neither a request nor an answer
