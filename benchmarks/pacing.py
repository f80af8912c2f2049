"""Messages at a steady rate, each stamped with the clock as it is written.

Knows frames with 19 digits after `"timestamp":`, and CLOCK_MONOTONIC, which all processes of a machine share.
Must not know who measures. `sender` calls it. Each message is a write of its own, as an exchange's is.
"""

import socket
import time

from benchmarks.traffic import STAMP, Prepared

DIGITS = 19
_FIELD = b'"timestamp":'
_NAP_NS = 200_000  # a sleep takes up to some 100 µs longer than asked: the rest is waited awake


def paced(to: socket.socket, prepared: Prepared, messages: int, rate: int) -> None:
    """Write `messages` frames, so many a second; a late one is written at once, with that stamp."""
    frames = _frames(prepared)
    clock, interval = time.perf_counter_ns, 10**9 // rate
    due = clock()
    for number in range(messages):
        frame, at = frames[number % len(frames)]
        _wait(due)
        frame[at : at + DIGITS] = b"%d" % (STAMP + clock())
        to.sendall(frame)
        due += interval


def _wait(due: int) -> None:
    while (left := due - time.perf_counter_ns()) > 0:
        if left > 2 * _NAP_NS:
            time.sleep((left - _NAP_NS) / 1e9)


def _frames(prepared: Prepared) -> list[tuple[bytearray, int]]:
    """Cut the file into frames, each with the place of its stamp."""
    data, at, found = prepared.path.read_bytes(), 0, []
    while at < len(data):
        size, head = data[at + 1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[at + 2 : at + head])
        frame = bytearray(data[at : at + head + size])
        found.append((frame, frame.index(_FIELD) + len(_FIELD)))
        at += head + size
    return found
