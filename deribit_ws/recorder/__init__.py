"""Recordings: all that went over a client's links, in files, and played back from them.

`recording` is told by a client's links and hands to `writer`'s thread, which writes `files`; `lines` is the
format, `hiding` keeps secrets out of it. `reader` gives a recording's records. `player` stands in for the
exchange with them: `index` knows the links and `answers` the calls, `pace` says what is due, `steps`
whether the client keeps step, and `played_link` plays.
"""

from deribit_ws.recorder.lines import Header, Record, RecordingError
from deribit_ws.recorder.player import Player, Speed
from deribit_ws.recorder.reader import read_blocks, read_header, read_recording
from deribit_ws.recorder.recording import Recording

__all__ = [
    "Header",
    "Player",
    "Record",
    "Recording",
    "RecordingError",
    "Speed",
    "read_blocks",
    "read_header",
    "read_recording",
]
