"""What must be known of a recording before it is played: its links, and how the exchange answered.

Knows: records, and the JSON-RPC around calls and answers. Must not know: time, loops, who plays. `player` has
one made in a thread before the first link; it reads the recording once and keeps the answers, not the feed.
"""

import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deribit_ws.recorder.calls import Deed, Key, Request, deeds_of, names_in, request_of, subscribed_by
from deribit_ws.recorder.lines import JOINED, LIVE, LOST, OPENED, Record
from deribit_ws.recorder.reader import read_blocks
from deribit_ws.wire.codec import NOTIFICATION_HEAD, Envelope, decode_envelope

_HEAD = NOTIFICATION_HEAD.decode()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Asked:
    """A recorded call; `answer` is the frame, None where the link was lost first."""

    params: Mapping[str, Any]
    answer: bytes | None = None


@dataclass(slots=True)
class LinkPlan:
    """One recorded link: when it was open and live (ns since the epoch), what was refused and done on it."""

    n: int
    opened: int
    live: int | None = None
    refused: set[str] = field(default_factory=set)
    deeds: Counter[Deed] = field(default_factory=Counter)


class Index:
    """The links of a recording, in order, and the answers in it.

    Attributes:
        links: in the order they were opened.
        channels: all that were asked for; None where the recording began on a link that was open already.
        login: the answer to the first login, None where there was none.
    """

    def __init__(self) -> None:
        self.links: list[LinkPlan] = []
        self.channels: set[str] | None = set()
        self.login: Any = None
        self._calls: dict[Key, deque[Asked]] = {}
        self._open: dict[int | str, tuple[Request, Asked]] = {}

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "Index":
        """Read all of the recording at `path`; blocks. Raises RecordingError."""
        index = cls()
        for block in read_blocks(path):
            for record in block:
                if record.received is None or not record.received.startswith(_HEAD):  # the feed, nearly all
                    index._note(record)
        return index

    def take(self, method: str, params: Mapping[str, Any]) -> Asked | None:
        """Give the next recorded call that is like this one, and forget it; None where there is none left.

        One with the very same parameters goes before one that differs in what changes from run to run.
        """
        calls = self._calls.get(Key.of(method, params))
        if not calls:
            return None
        same = next((asked for asked in calls if asked.params == params), calls[0])
        calls.remove(same)
        return same

    def had(self, method: str, params: Mapping[str, Any]) -> bool:
        """Tell whether there was a call like this one, taken or not."""
        return Key.of(method, params) in self._calls

    def _note(self, record: Record) -> None:
        if record.n and (not self.links or self.links[-1].n != record.n):
            self.links.append(LinkPlan(record.n, record.t))
            self._open.clear()
        if record.event == OPENED and record.reason == JOINED:
            self.channels = None  # nobody knows what was asked for before
        elif record.event == LIVE:
            self.links[-1].live = record.t
        elif record.event == LOST:
            self._open.clear()
        elif record.sent is not None:
            self._sent(record.sent)
        elif record.received is not None:
            self._received(record.received)

    def _sent(self, text: str) -> None:
        request = request_of(text)
        if request is None:
            return
        self.links[-1].deeds.update(deeds_of(request))
        asked = Asked(request.params)
        self._calls.setdefault(Key.of(request.method, request.params), deque()).append(asked)
        if request.id is not None:
            self._open[request.id] = request, asked
        if self.channels is not None:
            self.channels |= subscribed_by(request)

    def _received(self, text: str) -> None:
        try:
            envelope = decode_envelope(text.encode())
        except _UNREADABLE:
            return
        request, asked = (
            self._open.pop(envelope.id, (None, None)) if envelope.id is not None else (None, None)
        )
        if request is None or asked is None:
            return
        asked.answer = text.encode()
        if channels := subscribed_by(request):
            self.links[-1].refused |= channels - names_in(_result(envelope))
        elif request.method == "public/auth" and self.login is None:
            self.login = _result(envelope)


def _result(envelope: Envelope) -> Any:
    """Give an answer's result as plain values; None where it is an error or can't be read."""
    if envelope.result is msgspec.UNSET:
        return None
    try:
        return msgspec.json.decode(envelope.result)
    except _UNREADABLE:
        return None
