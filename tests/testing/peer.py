"""A bare websocket client for these tests: aiohttp and nothing of our own.

Knows: JSON-RPC requests out, messages in. Must not know: anything the library does. Every test of
the simulated exchange talks through it.
"""

from typing import Any

import aiohttp

Message = dict[str, Any]


class Peer:
    """One connection; notifications that arrive while an answer is awaited are kept in `heard`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Message] = []
        self._last_id = 0

    async def ask(self, method: str, **params: Any) -> int:
        self._last_id += 1
        await self.socket.send_json(
            {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        )
        return self._last_id

    async def call(self, method: str, **params: Any) -> Message:
        """The whole answer."""
        return await self.answer(await self.ask(method, **params))

    async def answer(self, request_id: int) -> Message:
        while True:
            message: Message = await self.socket.receive_json()
            if message.get("id") == request_id:
                return message
            self.heard.append(message)

    async def result(self, method: str, **params: Any) -> Any:
        answer = await self.call(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, **params: Any) -> Message:
        answer = await self.call(method, **params)
        assert "result" not in answer, answer
        error: Message = answer["error"]
        return error

    async def login(self, **more: Any) -> Message:
        proof = {"grant_type": "client_credentials", "client_id": "simulated", "client_secret": "secret"}
        tokens: Message = await self.result("public/auth", **(proof | more))
        return tokens

    async def renew(self, tokens: Message) -> Message:
        """The whole answer to a refresh token."""
        refresh_token = tokens["refresh_token"]
        return await self.call("public/auth", grant_type="refresh_token", refresh_token=refresh_token)

    async def may_read(self, **params: Any) -> bool:
        """Whether a private read is let through, rather than refused for want of a valid token."""
        answer = await self.call("private/get_positions", **params)
        refused = {"code": 13009, "message": "unauthorized", "data": {"reason": "invalid_token"}}
        assert "result" in answer or answer["error"] == refused, answer
        return "result" in answer

    async def subscribe(self, *channels: str, scope: str = "public") -> list[str]:
        accepted: list[str] = await self.result(f"{scope}/subscribe", channels=list(channels))
        return accepted

    async def said(self, channel: str | None = None) -> list[Any]:
        """The data of all notifications so far, or of one channel's: a round trip flushes them."""
        await self.result("public/get_time")
        heard, self.heard = self.heard, []
        return [
            message["params"]["data"]
            for message in heard
            if message["method"] == "subscription" and channel in (message["params"]["channel"], None)
        ]

    async def ending(self) -> aiohttp.WSMessage:
        """The first message that is no text: how the connection ends."""
        while True:
            message = await self.socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return message
