"""A far end that quotes what it was sent, secrets and all, wherever a server can put words.

Knows JSON-RPC and frames. Must not know the package.
"""

import itertools
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.peers import frames
from tests.peers.far_end import Line, Script

Quote = Callable[[Line, dict[str, Any], str], None]  # what to say to a login, sent as this text


def quoting(quote: Quote) -> Script:
    """Answer every call with "ok", but logins as `quote` does."""

    async def play(line: Line) -> None:
        await line.upgrade()
        for heard in itertools.count():
            await line.until(partial(_has_heard, heard + 1))
            text = line.texts[heard]
            request = json.loads(text)
            if request["method"] == "public/auth":
                quote(line, request, text)
            else:
                now = 1_790_000_000_000 if request["method"] == "public/get_time" else "ok"
                say(line, request, result=now)

    return play


def _has_heard(count: int, line: Line) -> bool:
    return len(line.texts) >= count


def say(line: Line, request: dict[str, Any], **message: Any) -> None:
    """Answer one request."""
    line.text(json.dumps({"jsonrpc": "2.0", "id": request["id"]} | message))


def _refusal(code: int) -> Quote:
    def quote(line: Line, request: dict[str, Any], text: str) -> None:
        params = request["params"]
        words = f"no such key: {' '.join(map(str, params.values()))}"
        data = {"reason": words, "request": text, "params": params, "list": [*params.values()]}
        say(line, request, error={"code": code, "message": words, "data": data})

    return quote


def _bad_frame(wrap: Callable[[str], str]) -> Quote:
    def quote(line: Line, request: dict[str, Any], text: str) -> None:
        line.text(wrap(text))
        say(line, request, error={"code": 13004, "message": "invalid_credentials"})

    return quote


def _misshapen(line: Line, request: dict[str, Any], text: str) -> None:
    line.text(text.replace('"method"', '"methodical"'))
    line.text(json.dumps({"jsonrpc": "2.0", "error": {"code": 11050, "message": text, "data": text}}))
    say(line, request, error={"code": 13004, "message": "invalid_credentials"})


def _goodbye(line: Line, request: dict[str, Any], _: str) -> None:
    secret = next(v for k, v in request["params"].items() if k in SECRETS)
    name = next(k for k in request["params"] if k in SECRETS)
    line.close(1008, f"refused: {name}={secret}"[:120])
    line.fin()


def _binary(line: Line, _: dict[str, Any], text: str) -> None:
    line.write(frames.encode(frames.BINARY, text.encode()))


SECRETS = ("client_secret", "signature", "refresh_token", "access_token")
QUOTES: dict[str, Quote] = {
    "refused": _refusal(13004),
    "bad request": _refusal(11050),
    "wrong parameter": _refusal(-32602),
    "unknown code": _refusal(77777),
    "passing trouble": _refusal(13028),
    "too many": _refusal(10028),
    "cut short": _bad_frame(lambda text: text[:-3]),
    "quoted": _bad_frame(lambda text: json.dumps({"echo": text})),
    "quoted and cut": _bad_frame(lambda text: json.dumps({"echo": text})[:-6]),
    "behind garbage": _bad_frame(lambda text: "x" * 100 + text),
    "as Python": _bad_frame(lambda text: str(json.loads(text))),
    "misshapen": _misshapen,
    "close frame": _goodbye,
    "binary": _binary,
}
