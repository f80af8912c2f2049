"""Who is subscribed to what, and the passing on of what the feeds say.

Knows: the streams that somebody listens to, their subscribers, market time in steps. Must not know:
requests or sockets. Sessions join and leave; `exchange` tells it of each market step; the market
tells it of each event. Each notification is encoded and framed once, for all its subscribers.
"""

from collections import defaultdict
from random import Random
from typing import Any, Protocol

import msgspec

from deribit_ws.testing import channels, frames
from deribit_ws.testing.events import BookEvent
from deribit_ws.testing.faults import Standing
from deribit_ws.testing.feeds import Feed, Pace
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.ledger import Mark
from deribit_ws.testing.market import Market
from deribit_ws.testing.tamper import Tamper

_encode = msgspec.json.Encoder().encode


class Subscriber(Protocol):
    """Who notifications are handed to."""

    def notify(self, channel: str, framed: bytes, mark: Mark) -> None:
        """Send a framed notification."""


class Stream:
    """A channel somebody listens to."""

    __slots__ = ("_prefix", "channel", "feed", "subscribers")

    def __init__(self, channel: str, feed: Feed) -> None:
        self.channel = channel
        self.feed = feed
        self.subscribers: dict[Subscriber, None] = {}
        head = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel}}
        self._prefix = _encode(head)[:-2] + b',"data":'

    def framed(self, said: Any) -> bytes:
        """A notification as it goes out."""
        return frames.frame(self._prefix + _encode(said) + b"}}")


class Hub:
    """All streams of one exchange; `step_seconds` turns steps into market time."""

    def __init__(self, market: Market, *, rng: Random, step_seconds: float, standing: Standing) -> None:
        self._market = market
        self._rng = rng
        self._tamper = Tamper(standing)
        self._streams: dict[str, Stream] = {}
        self._by_subject: dict[str, list[Stream]] = defaultdict(list)
        self._steps = 0
        self._every = {pace: max(1, round(pace.value / step_seconds)) for pace in (Pace.FAST, Pace.SLOW)}
        market.listen(self._hear)

    def knows(self, channel: str) -> bool:
        """Whether there is such a channel."""
        return channels.feed(channel, self._market, self._rng) is not None

    def join(self, subscriber: Subscriber, channel: str, *, mute: bool = False) -> None:
        """Start sending a known channel to somebody, beginning (unless `mute`) with its first message.

        The others get what was pending, so that the newcomer continues the same chain.
        """
        stream = self._streams.get(channel) or self._open(channel)
        if subscriber in stream.subscribers:
            return
        self._publish(stream)
        stream.subscribers[subscriber] = None
        first = stream.feed.first()
        if first is not None and not mute:
            subscriber.notify(channel, stream.framed(first), stream.feed.mark(first))

    def leave(self, subscriber: Subscriber, channel: str) -> None:
        """Stop sending a channel to somebody."""
        stream = self._streams.get(channel)
        if stream is None:  # its instrument has expired
            return
        stream.subscribers.pop(subscriber, None)
        if not stream.subscribers:
            self._close(stream)

    def listed(self, instrument: Instrument) -> None:
        """An instrument is new: streams that concern all of its kind hear it too."""
        for stream in self._streams.values():
            stream.feed.listed(instrument)
            if instrument.name in stream.feed.subjects:
                self._by_subject[instrument.name].append(stream)

    def expired(self, instrument_name: str) -> None:
        """An instrument is gone: what is pending of it is said, then its own streams fall silent."""
        for stream in self._by_subject.pop(instrument_name, []):
            self._publish(stream)
            if not self.knows(stream.channel):
                del self._streams[stream.channel]

    def stepped(self) -> None:
        """A market step is over: say what is due."""
        self._steps += 1
        if self._steps % self._every[Pace.SLOW] == 0:
            for stream in self._streams.values():
                stream.feed.second()
            self._publish_all(Pace.SLOW)
            self._publish_all(Pace.RAW)
        if self._steps % self._every[Pace.FAST] == 0:
            self._publish_all(Pace.FAST)

    def announce(self, channel: str, said: Any) -> None:
        """Say something out of turn on a channel, if anybody listens."""
        if stream := self._streams.get(channel):
            self._send(stream, stream.framed(said), None)

    def _open(self, channel: str) -> Stream:
        feed = channels.feed(channel, self._market, self._rng)
        assert feed is not None, "a channel is joined only once the hub has said that it knows it"
        stream = self._streams[channel] = Stream(channel, feed)
        for subject in feed.subjects:
            self._by_subject[subject].append(stream)
        return stream

    def _close(self, stream: Stream) -> None:
        del self._streams[stream.channel]
        for subject in stream.feed.subjects & self._by_subject.keys():  # an expired one has no streams
            self._by_subject[subject].remove(stream)

    def _hear(self, event: BookEvent) -> None:
        for stream in self._by_subject.get(event.instrument_name, ()):
            stream.feed.hear(event)
            if stream.feed.pace is Pace.RAW:
                self._publish(stream)

    def _publish_all(self, pace: Pace) -> None:
        for stream in self._streams.values():
            if stream.feed.pace is pace:
                self._publish(stream)

    def _publish(self, stream: Stream) -> None:
        said = stream.feed.take()
        if said is None or not stream.subscribers:
            return
        framed, mark = stream.framed(said), stream.feed.mark(said)
        if not self._tamper:
            self._send(stream, framed, mark)
            return
        for altered, altered_mark in self._tamper.treat(stream.channel, framed, mark):
            self._send(stream, altered, altered_mark)

    def _send(self, stream: Stream, framed: bytes, mark: Mark) -> None:
        # Nobody leaves in here: a subscriber that proves too slow goes when its session ends.
        for subscriber in stream.subscribers:
            subscriber.notify(stream.channel, framed, mark)
