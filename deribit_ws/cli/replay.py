"""`deribit-ws replay`: the messages of a recording, a line each, at the pace at which they came.

Knows: how a record becomes a line, and when it is due. Must not know: clients, sockets, files.
`command` runs it. Lines are those of `tail`, with the time of receipt as it was recorded; what happened
to the connection is told on stderr, with the time at which it did.
"""

import asyncio
import json
import shutil
import time
from argparse import Namespace

from deribit_ws.cli.failures import OK
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.output import Output, is_terminal
from deribit_ws.cli.pace import Pace
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.readable import readable
from deribit_ws.cli.recordings import LEFT_OUT, LIVE, Reading, is_drop, message_of, missing
from deribit_ws.cli.tail import Line, json_line
from deribit_ws.recorder import Record

TURN = 200  # records between two looks at whether a signal came, where none has to be waited for
ROOM_SECONDS = 0.01  # between two looks at whether a slow reader has taken something


async def run(options: Namespace) -> int:
    """Print the recording until its end, or until cancelled."""
    start_logging(verbose=options.verbose)
    recording = Reading(options.file)
    output = Output()
    line = json_line if options.json or not is_terminal() else _terminal_line
    try:
        await until_first_ends(
            _played(recording, Player(output, line), Pace(options.speed or 1.0)),
            output.wait_broken(),
            name="deribit-ws replay",
        )
        await output.close()
        await output.ended()  # however long its reader takes: nothing else is to be done
    finally:
        await output.close()
    for fault in recording.faults:
        tell(f"warning: {fault}")
    return OK


async def _played(recording: Reading, player: "Player", pace: Pace) -> None:
    for n, record in enumerate(recording):
        await pace.wait(record.t)
        await player.play(record)
        if n % TURN == 0:
            await asyncio.sleep(0)


class Player:
    """Turns records into lines, and the life of the links into words."""

    def __init__(self, output: Output, line: Line) -> None:
        self._output = output
        self._line = line
        self._live_at: int | None = None
        self._lost_at: int | None = None

    async def play(self, record: Record) -> None:
        """Print a record, if it is a message; tell it, if it is news of the connection."""
        if record.event:
            self._tell(record)
        elif (message := message_of(record)) is not None:
            line = self._line(*message, record.t)
            while not self._output.line(line):  # noqa: ASYNC110 - it is a thread that makes room
                await asyncio.sleep(ROOM_SECONDS)

    def _tell(self, record: Record) -> None:
        if record.event == LIVE:
            _say(record.t, f"connected{_after(self._lost_at, record.t, 2)}: link {record.n}")
            self._live_at = record.t
        elif is_drop(record):
            lived = _after(self._live_at, record.t, 1)
            _say(record.t, f"disconnected{lived}: {record.code} {record.reason}".rstrip())
            self._live_at, self._lost_at = None, record.t
        elif record.event == LEFT_OUT:
            _say(record.t, f"warning: {missing(record.frames)} here: {record.reason}")


def _after(since: int | None, t: int, digits: int) -> str:
    return "" if since is None else f" after {(t - since) / 1e9:.{digits}f} s"


def _say(at: int, text: str) -> None:
    tell(f"{time.strftime('%H:%M:%S', time.localtime(at / 1e9))} {text}")


def _terminal_line(channel: str, data: bytes, received_at: int) -> str:
    return readable(channel, json.loads(data), received_at, shutil.get_terminal_size().columns)
