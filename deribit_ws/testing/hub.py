"""Who is subscribed to what, and the passing on of what the feeds say.

Knows: the streams that somebody listens to, whose they are, their subscribers, market time in
steps. Must not know: requests or sockets. Sessions join and leave; `exchange` tells it of each
market step; the market tells it of each event, the engine of each event of a user. Each notification
is encoded and framed once, for all its subscribers; a private channel is a stream for each user.
"""

from collections import defaultdict
from random import Random
from typing import Any, Protocol, TypeAlias

import msgspec

from deribit_ws.testing import channels, frames, portfolio
from deribit_ws.testing.events import BookEvent
from deribit_ws.testing.faults import Standing
from deribit_ws.testing.feeds import Feed, Pace
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.ledger import Mark
from deribit_ws.testing.market import Market
from deribit_ws.testing.own_events import OwnEvent, Payload
from deribit_ws.testing.positions import Positions
from deribit_ws.testing.tamper import Tamper

PUBLIC = -1  # in place of a user's id, where a channel is everybody's
Key: TypeAlias = tuple[str, int]  # a channel and whose it is

_encode = msgspec.json.Encoder().encode


class Subscriber(Protocol):
    """Who notifications are handed to."""

    def notify(self, channel: str, framed: bytes, mark: Mark) -> None:
        """Send a framed notification."""


class Stream:
    """A channel somebody listens to; `user` is whose it is."""

    __slots__ = ("_prefix", "channel", "feed", "subscribers", "user")

    def __init__(self, channel: str, feed: Feed, user: int) -> None:
        self.channel = channel
        self.user = user
        self.feed = feed
        self.subscribers: dict[Subscriber, None] = {}
        head = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel}}
        self._prefix = _encode(head)[:-2] + b',"data":'

    def framed(self, said: Any) -> bytes:
        """A notification as it goes out."""
        return frames.frame(self._prefix + _encode(said) + b"}}")


class Hub:
    """All streams of one exchange; `step_seconds` turns steps into market time."""

    def __init__(
        self, market: Market, positions: Positions, *, rng: Random, step_seconds: float, standing: Standing
    ) -> None:
        self._market = market
        self._positions = positions
        self._rng = rng
        self._tamper = Tamper(standing)
        self._streams: dict[Key, Stream] = {}
        self._by_subject: dict[str, list[Stream]] = defaultdict(list)
        self._by_user: dict[int, list[Stream]] = defaultdict(list)
        self._steps = 0
        self._every = {pace: max(1, round(pace.value / step_seconds)) for pace in (Pace.FAST, Pace.SLOW)}
        market.listen(self._hear)

    def knows(self, channel: str) -> bool:
        """Whether there is such a channel."""
        return self._feed(channel, PUBLIC) is not None

    def join(self, subscriber: Subscriber, channel: str, *, user: int = PUBLIC, mute: bool = False) -> None:
        """Start sending a known channel to somebody, beginning (unless `mute`) with its first message.

        `user` is whose it is, if it is private. The others get what was pending, so that the newcomer
        continues the same chain.
        """
        stream = self._streams.get((channel, user)) or self._open(channel, user)
        if subscriber in stream.subscribers:
            return
        self._publish(stream)
        stream.subscribers[subscriber] = None
        first = stream.feed.first()
        if first is not None and not mute:
            subscriber.notify(channel, stream.framed(first), stream.feed.mark(first))

    def leave(self, subscriber: Subscriber, channel: str, *, user: int = PUBLIC) -> None:
        """Stop sending a channel to somebody."""
        stream = self._streams.get((channel, user))
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
                del self._streams[stream.channel, stream.user]

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
        """Say something out of turn on a channel, if anybody listens; on a private one, to every user."""
        for stream in self._streams.values():
            if stream.channel == channel:
                self._send(stream, stream.framed(said), None)

    def hear_own(self, event: OwnEvent) -> None:
        """Something has happened to a user: the raw channels say it at once."""
        for stream in self._by_user.get(event.user_id, ()):
            stream.feed.hear_own(event)
            if stream.feed.pace is Pace.RAW:
                self._publish(stream)

    def _feed(self, channel: str, user: int) -> Feed | None:
        def summary(currency: str) -> Payload:
            return portfolio.summary(self._market, self._positions, user, currency)

        return channels.feed(channel, self._market, self._rng, channels.Owner(user, summary))

    def _open(self, channel: str, user: int) -> Stream:
        feed = self._feed(channel, user)
        assert feed is not None, "a channel is joined only once the hub has said that it knows it"
        stream = self._streams[channel, user] = Stream(channel, feed, user)
        if user != PUBLIC:
            self._by_user[user].append(stream)
        for subject in feed.subjects:
            self._by_subject[subject].append(stream)
        return stream

    def _close(self, stream: Stream) -> None:
        del self._streams[stream.channel, stream.user]
        if stream.user != PUBLIC:
            self._by_user[stream.user].remove(stream)
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
        if said is None:
            return
        self._say(stream, said)
        while stream.user != PUBLIC and (said := stream.feed.take()) is not None:
            self._say(stream, said)  # a user's orders come one by one, changes by instrument

    def _say(self, stream: Stream, said: Any) -> None:
        if not stream.subscribers:
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
