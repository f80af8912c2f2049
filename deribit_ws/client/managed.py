"""Methods that belong to the client's own state: made through the client, so that it stays true.

Knows: what each of them means for what is rebuilt on the next connection. Must not know: frames or
connections. `client` looks a method up here before it is sent as it stands. What can't be kept true is
refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from deribit_ws.client.restoring import Restorer
from deribit_ws.errors import UsageError, require_whole
from deribit_ws.wire.channels import is_private

SHORTEST_HEARTBEAT = 10  # seconds; Deribit takes no less

Params = Mapping[str, Any]
Act = Callable[[str, Params, float], Awaitable[Any]]  # method, parameters, seconds


class Managing(Protocol):
    """What a client does by itself."""

    async def subscribe(self, *channels: str, timeout: float | None = None) -> list[str]:
        """Hold channels."""

    async def unsubscribe(self, *channels: str, timeout: float | None = None) -> list[str]:
        """Let go of channels."""

    async def logout(self, *, invalidate_token: bool = True, timeout: float | None = None) -> None:
        """Log out and close."""

    @property
    def subscribed(self) -> frozenset[str]:
        """What `subscribe` holds."""


class Managed:
    """The managed methods of one client.

    Args:
        client: does what the methods ask for.
        restorer: remembers what is to be rebuilt on each connection.
        send: makes a call as it stands.
    """

    def __init__(
        self, client: Managing, restorer: Restorer, send: Callable[[str, Params, float], Awaitable[Any]]
    ) -> None:
        self._client = client
        self._restorer = restorer
        self._send = send
        self._acts: dict[str, Act] = {
            "public/subscribe": self._subscribe,
            "private/subscribe": self._subscribe,
            "public/unsubscribe": self._unsubscribe,
            "private/unsubscribe": self._unsubscribe,
            "public/unsubscribe_all": self._unsubscribe_all,
            "private/unsubscribe_all": self._unsubscribe_all,
            "public/set_heartbeat": self._set_heartbeat,
            "public/disable_heartbeat": self._disable_heartbeat,
            "private/enable_cancel_on_disconnect": self._arm,
            "private/disable_cancel_on_disconnect": self._disarm,
            "private/logout": self._logout,
            "public/auth": _refuse,
            "public/exchange_token": _refuse,  # it would be another account until the next drop
            "public/fork_token": _refuse,
        }

    def act_of(self, method: str) -> Act | None:
        """Give what is to be done in place of sending `method`; None when it may be sent as it is."""
        return self._acts.get(method)

    async def _subscribe(self, method: str, params: Params, timeout: float) -> list[str]:
        if params.get("label") is not None:
            raise UsageError(f"{method}: no label: the client subscribes for several at once")
        return await self._client.subscribe(*_channels(method, params), timeout=timeout)

    async def _unsubscribe(self, method: str, params: Params, timeout: float) -> list[str]:
        return await self._client.unsubscribe(*_channels(method, params), timeout=timeout)

    async def _unsubscribe_all(self, method: str, _: Params, timeout: float) -> str:
        """Let go of all of one scope that `subscribe` holds; callbacks and streams keep theirs."""
        private = method.startswith("private/")
        held = [channel for channel in self._client.subscribed if is_private(channel) is private]
        await self._client.unsubscribe(*held, timeout=timeout)
        return "ok"

    async def _set_heartbeat(self, method: str, params: Params, timeout: float) -> Any:
        interval = params.get("interval")
        require_whole(interval, SHORTEST_HEARTBEAT, "heartbeat")
        answer = await self._send(method, params, timeout)
        self._restorer.heartbeat = interval
        return answer

    async def _disable_heartbeat(self, method: str, params: Params, timeout: float) -> Any:
        answer = await self._send(method, params, timeout)
        self._restorer.heartbeat = None
        return answer

    async def _arm(self, method: str, params: Params, timeout: float) -> Any:
        answer = await self._send(method, params, timeout)
        if _is_for_connection(params):
            self._restorer.cancel_on_disconnect = True
            self._restorer.unarmed = None
        return answer

    async def _disarm(self, method: str, params: Params, timeout: float) -> Any:
        answer = await self._send(method, params, timeout)
        if _is_for_connection(params):
            self._restorer.cancel_on_disconnect = False
            self._restorer.unarmed = None
        return answer

    async def _logout(self, _: str, params: Params, timeout: float) -> None:
        await self._client.logout(invalidate_token=params.get("invalidate_token", True), timeout=timeout)


async def _refuse(method: str, _: Params, __: float) -> Any:
    raise UsageError(f"{method} is the client's own: use Client(credentials=…)")


def _channels(method: str, params: Params) -> list[str]:
    channels = params.get("channels")
    if not isinstance(channels, list | tuple):
        raise UsageError(f"{method}: channels is a list of names")
    return list(channels)


def _is_for_connection(params: Params) -> bool:
    return params.get("scope") in (None, "connection")
