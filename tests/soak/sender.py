"""A raw sender in a process of its own: a websocket's handshake, then frames as fast as they are taken.

Knows TCP, RFC 6455 and the few methods a client calls to be whole. Must not know the client, or the simulated
exchange, which would be ten times too slow. `flood` starts it as `python -m tests.soak.sender`; it cuts the
link by itself every so many messages, and while the link is down trades go on.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import socket
import struct
from random import Random
from typing import Any

from tests.soak import figures
from tests.soak.figures import BOOK_CHANNEL, TICKER_CHANNEL, TRADE_CHANNELS, TRADED
from tests.soak.pipe import answer_lines

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
SEND_BUFFER = 256 * 1024  # bytes in the kernel: what a reset loses is some thousand messages, not a million
MISSED_MOST = 800  # trades of each instrument while the link is down
CODES = (1000, 1001, 1011, 1012, 4000)
ENDS = ("rst", "fin", "fin in frame", "close")
EARLY = ("refused", "accepted, then closed", "cut at subscribe")  # what may befall the next dial
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close becomes a reset
CHANNELS = {*TRADE_CHANNELS.values(), BOOK_CHANNEL, TICKER_CHANNEL}
HALF_FRAME = b'\x81\x7e\x03\xe8{"jsonrpc":"2.0","meth'


class Sender:
    """All links, one after the other, and when each of them ends."""

    def __init__(self, messages: int, cuts: int, seed: int) -> None:
        self.market = figures.Market()
        self.rng = Random(seed)
        self.most = messages
        self.every = messages // (cuts + 1) if cuts else messages + 1
        self.cut_at = self._next_cut(0)
        self.cuts = self.dials = 0
        self.early: str | None = None
        self.may_go = asyncio.Event()
        self.may_go.set()

    def _next_cut(self, now: int) -> int:
        return now + self.rng.randint(self.every // 2, self.every * 3 // 2)

    def protocol(self) -> asyncio.Protocol:
        """Give who serves the next connection."""
        self.dials += 1
        return Link(self)

    def is_over(self) -> bool:
        """Whether all messages were sent."""
        return self.market.messages >= self.most

    def is_due(self) -> bool:
        """Whether the link is to be cut now."""
        return self.market.messages >= self.cut_at and not self.is_over()

    def end(self) -> str:
        """Take it that the link is cut; give how. See to what is missed meanwhile, and to the next dial."""
        self.cuts += 1
        self.cut_at = self._next_cut(self.market.messages)
        for name in TRADED:
            self.market.next_seq[name] += self.rng.randint(0, MISSED_MOST)
        self.market.change_id += self.rng.randint(0, MISSED_MOST)
        self.early = self.rng.choice(EARLY) if self.rng.random() < 0.5 else None
        return self.rng.choice(ENDS)

    async def answer(self, asked: dict[str, Any]) -> Any:
        """Do what a line of the pipe asks for."""
        match asked["do"]:
            case "end":
                self.most = self.market.messages
            case "hold":
                self.may_go.clear()
            case "go":
                self.may_go.set()
            case _:
                pass  # what is known is told anyway
        return {
            "messages": self.market.messages,
            "is_over": self.is_over(),
            "made": {name: seq - 1 for name, seq in self.market.next_seq.items()},
            "change_id": self.market.change_id,
            "cuts": self.cuts,
            "dials": self.dials,
        }


class Link(asyncio.Protocol):
    """One connection, from its handshake to its end."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._unread = b""
        self._is_upgraded = False
        self._is_writable = asyncio.Event()
        self._is_writable.set()
        self._streaming: asyncio.Task[None] | None = None
        self._channels: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have a small buffer, and refuse where that is due."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if self._take_early("refused"):
            self._end("rst")

    def connection_lost(self, exc: Exception | None) -> None:
        """Send no more."""
        if self._streaming is not None:
            self._streaming.cancel()

    def pause_writing(self) -> None:
        """Wait for the client."""
        self._is_writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_writable.set()

    def data_received(self, data: bytes) -> None:
        """Read the handshake, then frames."""
        self._unread += data
        if not self._is_upgraded:
            head, end, self._unread = self._unread.partition(b"\r\n\r\n")
            if not end:
                self._unread = head
                return
            self._upgrade(head)
        while (frame := self._next_frame()) is not None:
            self._hear(*frame)

    def _upgrade(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        key = hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n\r\n"
        )
        self._is_upgraded = True
        if self._take_early("accepted, then closed"):
            self._end("close")

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Take a whole frame of the client's: opcode and text, unmasked."""
        unread = self._unread
        if len(unread) < 6:
            return None
        size, at = unread[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(unread[2:4]), 4
        if len(unread) < at + 4 + size:
            return None
        mask, masked = unread[at : at + 4], unread[at + 4 : at + 4 + size]
        self._unread = unread[at + 4 + size :]
        return unread[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))

    def _hear(self, opcode: int, text: bytes) -> None:
        match opcode:
            case 1:
                self._answer(json.loads(text))
            case 8:  # whoever closed first, this is the end
                self._transport.close()
            case 9:
                self._transport.write(bytes((0x8A, len(text))) + text)
            case _:
                pass  # a PONG

    def _answer(self, call: dict[str, Any]) -> None:
        params = call.get("params", {})
        match call["method"]:
            case "public/subscribe":
                self._subscribe(call["id"], params["channels"])
            case "public/unsubscribe":
                self._channels -= set(params["channels"])
                self._reply(call["id"], params["channels"])
            case "public/get_last_trades_by_instrument":
                self._reply(call["id"], self._sender.market.history(params["instrument_name"], params))
            case "public/get_time":
                self._reply(call["id"], figures.EPOCH_MS)
            case "public/test":
                self._reply(call["id"], {"version": "1.2.26"})
            case "public/set_heartbeat":
                self._reply(call["id"], "ok")
            case _:
                self._write({"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "?"}})

    def _subscribe(self, id: int, channels: list[str]) -> None:
        if self._take_early("cut at subscribe"):
            self._end(self._sender.rng.choice(("rst", "fin")))
            return
        self._reply(id, channels)
        if BOOK_CHANNEL in channels:
            self._transport.write(figures.snapshot_frame(self._sender.market.change_id))
        self._channels.update(channels)
        if self._streaming is None and self._channels >= CHANNELS:
            self._streaming = asyncio.get_running_loop().create_task(self._stream())

    def _reply(self, id: int, result: Any) -> None:
        self._write({"jsonrpc": "2.0", "id": id, "result": result})

    def _write(self, message: dict[str, Any]) -> None:
        self._transport.write(figures.framed(json.dumps(message).encode()))

    async def _stream(self) -> None:
        sender = self._sender
        while not sender.is_over():
            await sender.may_go.wait()
            await self._is_writable.wait()
            self._transport.write(sender.market.round())
            if sender.is_due():
                self._end(None)
                return
            await asyncio.sleep(0)  # to hear what the client says

    # --- the end

    def _take_early(self, what: str) -> bool:
        if self._sender.early != what:
            return False
        self._sender.early = None
        return True

    def _end(self, how: str | None) -> None:
        chosen = self._sender.end()
        match how or chosen:
            case "rst":
                self._reset()
            case "fin":
                self._transport.close()
            case "fin in frame":
                self._transport.write(HALF_FRAME)
                self._transport.close()
            case _:
                code = self._sender.rng.choice(CODES)
                self._transport.write(b"\x88\x02" + code.to_bytes(2))
                self._transport.close()

    def _reset(self) -> None:
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()


async def serve(messages: int, cuts: int, seed: int) -> None:
    """Send until all is sent, and stay until the pipe is closed."""
    sender = Sender(messages, cuts, seed)
    server = await asyncio.get_running_loop().create_server(sender.protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        await answer_lines({"url": f"ws://127.0.0.1:{port}/ws/api/v2"}, sender.answer)


def main() -> None:
    """Be the far end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--cuts", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(given.messages, given.cuts, given.seed))


if __name__ == "__main__":
    main()
