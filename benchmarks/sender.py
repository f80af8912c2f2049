"""The far end: a process that answers what a client asks, then writes prepared frames as fast as they go.

Knows sockets, the frames' files and the few methods clients call to be whole. Must not know the clients, the
package, or any library but Python's own: what it spends must not depend on them. `race` starts it as
`python -m benchmarks.sender`; it prints the port, and then, where that is asked, what happened when, as JSON
lines.

The target of a client's request says what it wants (see `Wish`): one process serves all contenders in turn.
"""

import json
import os
import queue
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.answers import answer
from benchmarks.frames import CLOSE, PING, PONG, TEXT, frame, read_frame, read_handshake, text_frame
from benchmarks.pacing import paced
from benchmarks.traffic import Prepared

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close becomes a reset
SETTLED_SECONDS = (
    4.0  # before a link is cut: the back-off has taken its step back, the credits are full again
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants, as its URL says.

    Attributes:
        file: of prepared frames.
        messages: how many of them, in all.
        channels: how many must be subscribed before they come.
        rate: messages a second, each with the time of its writing; 0 writes as fast as they are taken.
        cut: reset the first link once all is subscribed, and tell what happens when.
    """

    file: str
    messages: int
    channels: int
    rate: int = 0
    cut: int = 0

    @classmethod
    def of(cls, target: str) -> "Wish":
        """Read a request's target."""
        pairs = dict(parse_qsl(urlsplit(target).query))
        numbers = {name: int(value) for name, value in pairs.items() if name != "file"}
        return cls(pairs["file"], **numbers)


class Link:
    """One connection: a thread reads and answers, another writes once all channels are subscribed."""

    def __init__(self, socket: socket.socket, number: int) -> None:
        self._socket = socket
        self._number = number
        self._subscribed: set[str] = set()
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()  # answers while frames are written
        self._writer: threading.Thread | None = None

    def serve(self) -> None:
        """Serve it to its end."""
        try:
            self._serve()
        except OSError:
            pass  # the client has gone, which is how each of them ends
        finally:
            self._socket.close()

    def _serve(self) -> None:
        file = self._socket.makefile("rb")
        shaken = read_handshake(file)
        if shaken is None:
            return
        self._wish = Wish.of(shaken[0])
        self._tell("dialled")
        self._socket.sendall(shaken[1])
        while (read := read_frame(file)) is not None and read[0] != CLOSE:
            opcode, payload = read
            if opcode == PING:
                self._write(frame(PONG, payload))
            elif opcode == TEXT:
                self._answer(json.loads(payload))

    def _answer(self, request: dict[str, Any]) -> None:
        method, params = request["method"], request.get("params", {})
        self._tell(method)
        result = answer(method, params)
        self._write(
            text_frame(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())
        )
        if method.endswith("/subscribe"):
            self._subscribed.update(params["channels"])
            if len(self._subscribed) >= self._wish.channels and self._writer is None:
                self._writer = threading.Thread(target=self._send_all, daemon=True)
                self._writer.start()

    def _write(self, written: bytes) -> None:
        if self._writer is None:
            self._socket.sendall(written)
        else:
            self._waiting.put(written)  # two threads' frames must not get into each other

    def _send_all(self) -> None:
        prepared = Prepared.load(self._wish.file)
        self._tell("data")
        try:
            if self._wish.rate:
                paced(self._socket, prepared, self._wish.messages, self._wish.rate)
            else:
                self._send_chunks(prepared)
            if self._wish.cut and self._number == 1:
                time.sleep(SETTLED_SECONDS)
                self._cut()
            while True:
                self._socket.sendall(self._waiting.get())
        except OSError:
            pass  # as above

    def _send_chunks(self, prepared: Prepared) -> None:
        """Write the file's frames from its beginning, again and again until there were enough."""
        left, chunk = self._wish.messages, prepared.traffic.chunk
        with prepared.path.open("rb") as file:
            while left:
                at = 0
                for end in prepared.ends[: left // chunk]:
                    while at < end:
                        at += os.sendfile(self._socket.fileno(), file.fileno(), at, end - at)
                    self._send_waiting()
                left -= min(left, len(prepared.ends) * chunk)

    def _send_waiting(self) -> None:
        while not self._waiting.empty():
            self._socket.sendall(self._waiting.get())

    def _cut(self) -> None:
        self._tell("cut")
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.shutdown(socket.SHUT_RD)  # wakes the reader, which holds the descriptor
        self._socket.close()

    def _tell(self, what: str) -> None:
        if self._wish.cut:
            told = {"link": self._number, "what": what, "at": time.perf_counter_ns()}
            print(json.dumps(told), flush=True)


def main() -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    number = 0
    while True:
        connected, _ = listening.accept()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=Link(connected, number).serve, daemon=True).start()


if __name__ == "__main__":
    main()
