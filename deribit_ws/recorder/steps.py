"""Keeping a client in step with the recorded one: neither is to be ahead of the other by a call.

Knows: calls and answers of one link, counted. Must not know: time, files, what is fed. What a program does
while it is fed is a part of the recording: fed on before it has called, or answered before it was fed what
came first, it would hear something else than it heard then. `played_link` has one.
"""

from collections import Counter
from collections.abc import Iterator

from deribit_ws.recorder.calls import Deed, deeds_of, request_of


class Steps:
    """The calls of a link, as recorded and as made by the client that it is played to.

    Args:
        total: all that the recorded client did on the link.
    """

    def __init__(self, total: Counter[Deed]) -> None:
        self._total = total
        self._made: Counter[Deed] = Counter()  # by the client
        self._sent: Counter[Deed] = Counter()  # as recorded, up to here
        self._answered: Counter[Deed] = Counter()
        self._last: list[Deed] = []
        self._open: dict[int | str, list[Deed]] = {}
        self._held: dict[bytes, list[tuple[Deed, int]]] = {}  # answers that came early, and when they are due

    @property
    def client_is_behind(self) -> bool:
        """True while the client has not made the call that was `sent` last."""
        return any(self._made[deed] < self._sent[deed] for deed in self._last)

    def sent(self, frame: str) -> None:
        """The recorded client sent this."""
        request = request_of(frame)
        self._last = [] if request is None else deeds_of(request)
        self._sent.update(self._last)
        if request is not None and request.id is not None:
            self._open[request.id] = self._last

    def answered(self, id: int | str) -> Iterator[bytes]:
        """The recorded client got an answer: give those of the client that were held back for it."""
        self._answered.update(self._open.pop(id, ()))
        for frame in [frame for frame, due in self._held.items() if self._is_due(due)]:
            del self._held[frame]
            yield frame

    def make(self, frame: bytes) -> list[tuple[Deed, int]]:
        """The client sends this: give what its answer should wait for, nothing where it is not early."""
        request = request_of(frame)
        deeds = [] if request is None else deeds_of(request)
        self._made.update(deeds)
        due = [(deed, self._made[deed]) for deed in deeds if self._made[deed] <= self._total[deed]]
        return [] if self._is_due(due) else due

    def hold(self, answer: bytes, due: list[tuple[Deed, int]]) -> None:
        """Keep an answer back until it is due."""
        self._held[answer] = due

    def let_go(self, answer: bytes) -> bool:
        """Keep it back no longer; tell whether it still was."""
        return self._held.pop(answer, None) is not None

    def _is_due(self, due: list[tuple[Deed, int]]) -> bool:
        return all(self._answered[deed] >= count for deed, count in due)
