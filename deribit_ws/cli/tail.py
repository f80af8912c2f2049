"""`deribit-ws tail`: the messages of some channels, a line each, through any number of drops.

Knows: how a message becomes a line, and when there is nothing left to follow. Must not know:
connections, sockets. `command` runs it.
"""

import json
import shutil
import time
from argparse import Namespace
from collections.abc import Callable, Sequence

from deribit_ws.cli.environment import credentials_for, needing_login, url_of
from deribit_ws.cli.failures import USAGE, Failure
from deribit_ws.cli.logs import stamped, start_logging, tell
from deribit_ws.cli.news import News
from deribit_ws.cli.output import Output, is_terminal
from deribit_ws.cli.printable import safe_json
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.readable import readable
from deribit_ws.client import Client
from deribit_ws.errors import UsageError
from deribit_ws.subscriptions import check_name
from deribit_ws.wire.channels import Pattern

Line = Callable[[str, bytes, int], str]  # channel, data as received, ns since the epoch


async def run(options: Namespace) -> int:
    """Follow the channels until cancelled, or until none is left."""
    channels = checked(options.channels)
    start_logging(verbose=options.verbose, marks_are_told=True)
    client = Client(url_of(options), credentials=credentials_for(needing_login(channels)))
    follower = Follower(channels, json_line if options.json or not is_terminal() else _terminal_line)
    client.add_handler(follower)
    for channel in channels:
        client.register(channel, follower.callback(channel))
    ends = (_live(client), follower.output.wait_broken(), follower.wait_refused())
    try:
        await until_first_ends(*ends, name="deribit-ws tail")
    finally:
        await follower.output.close()
    raise Failure("the client was closed")


async def _live(client: Client) -> None:
    async with client:
        await client.wait_closed()


class Follower(News):
    """Turns messages into lines, and marks into words; knows which channels were refused."""

    def __init__(self, channels: Sequence[str], line: Line) -> None:
        super().__init__(channels, tell)
        self.output = Output()
        self._line = line
        self._dropped = 0

    def callback(self, channel: str) -> Callable[[bytes], None]:
        """What is to be called for each message of one channel."""
        clock = time.time_ns

        def write(data: bytes) -> None:
            self._write(self._line(channel, data, clock()))

        return write

    def _write(self, line: str) -> None:
        if self.output.line(line):
            if self._dropped:
                tell(stamped(f"warning: {self._dropped} messages dropped: stdout is read too slowly"))
            self._dropped = 0
        else:
            self._dropped += 1


def checked(channels: Sequence[str]) -> list[str]:
    """The channels, each once.

    Raises:
        Failure: one is not the plain name of a channel.
    """
    for channel in channels:
        try:
            check_name(channel)
            pattern = Pattern(channel)
        except UsageError as error:
            raise Failure(str(error), USAGE) from None
        if pattern.has_wildcard or pattern.names:
            raise Failure(f"not a channel: {channel!r} leaves a part open; name each channel", USAGE)
    return list(dict.fromkeys(channels))


def json_line(channel: str, data: bytes, received_at: int) -> str:
    """One line of JSON; the data keeps every digit it came with."""
    body = data.decode("utf-8", "replace")
    return safe_json(f'{{"channel":{json.dumps(channel)},"data":{body},"received_at":{received_at}}}')


def _terminal_line(channel: str, data: bytes, received_at: int) -> str:
    width = shutil.get_terminal_size().columns
    return readable(channel, json.loads(data), received_at, width)
