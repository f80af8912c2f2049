"""What a played exchange answers: calls that belong to the link itself, and all others as they were answered.

Knows: the methods that a client needs on any link, and the recorded answers. Must not know: loops, pace,
notifications. `player` asks it about each frame that the client sends.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from deribit_ws.recorder.calls import Request, request_of
from deribit_ws.recorder.index import Index, LinkPlan
from deribit_ws.shown import one_line

NOT_RECORDED = -32000  # the first of those that JSON-RPC leaves to servers; Deribit uses none of them
_TOKEN_SECONDS = 31_536_000  # of a login that was not recorded: a year, so that it is never renewed

_frame_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Answers:
    """Answers the calls of a client that a recording is played to.

    Args:
        index: of the recording.
        now_ms: gives the time of the recording, in ms since the epoch.
    """

    def __init__(self, index: Index, now_ms: Callable[[], int]) -> None:
        self._index = index
        self._now_ms = now_ms

    def answer(self, frame: bytes, link: LinkPlan) -> bytes | None:
        """Give the frame that answers `frame` on a link; None where it was left without an answer."""
        request = request_of(frame)
        if request is None:
            return None
        own = self._own(request.method, request.params, link)
        if own is not None:
            return _encode({"jsonrpc": "2.0", "id": request.id, "result": own})
        asked = self._index.take(request.method, request.params)
        if asked is None:
            return self._unknown(request)
        return None if asked.answer is None else _addressed(asked.answer, request)

    def _own(self, method: str, params: Mapping[str, Any], link: LinkPlan) -> Any:
        """Give the result of what belongs to the link itself, None where it does not."""
        match method.partition("/")[2]:
            case "subscribe":
                return [name for name in params.get("channels", ()) if self._has(name, link)]
            case "unsubscribe":
                return list(params.get("channels", ()))
            case "set_heartbeat" | "disable_heartbeat" | "unsubscribe_all":
                return "ok"
            case "enable_cancel_on_disconnect" | "disable_cancel_on_disconnect":
                return "ok"
            case "test" | "hello":
                return {"version": "recording"}
            case "get_time":
                return self._now_ms()
            case "auth":
                return self._login(params)
            case _:
                return None

    def _has(self, channel: str, link: LinkPlan) -> bool:
        known = self._index.channels
        return channel not in link.refused and (known is None or channel in known)

    def _login(self, params: Mapping[str, Any]) -> Any:
        if isinstance(self._index.login, dict):
            return self._index.login
        tokens = {"access_token": "recording", "refresh_token": "recording", "token_type": "bearer"}
        return tokens | {"expires_in": _TOKEN_SECONDS, "scope": params.get("scope") or "connection"}

    def _unknown(self, request: Request) -> bytes:
        what = "no more calls of" if self._index.had(request.method, request.params) else "no call of"
        message = f"the recording has {what} {one_line(request.method)} with these parameters"
        error = {"code": NOT_RECORDED, "message": message}
        return _encode({"jsonrpc": "2.0", "id": request.id, "error": error})


def _addressed(answer: bytes, request: Request) -> bytes:
    """Give a recorded answer with the id of another call, all else as it was."""
    return _encode(_frame_of(answer) | {"id": msgspec.Raw(_encode(request.id))})
