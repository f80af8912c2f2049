"""`deribit-ws call`: one method, its result as JSON.

Knows: how parameters are written on a command line. Must not know: connections. `command` runs it.
"""

import asyncio
import json
import re
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, NoReturn

from deribit_ws.cli.environment import CLIENT_ID, CLIENT_SECRET, credentials_for, url_of
from deribit_ws.cli.failures import OK, USAGE, Failure
from deribit_ws.cli.logs import start_logging
from deribit_ws.cli.output import is_terminal, write_line
from deribit_ws.cli.printable import dumped
from deribit_ws.client import Client
from deribit_ws.errors import CallTimeout

_METHOD = re.compile(r"(public|private)/[a-z0-9_]+(/[a-z0-9_]+)*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


async def run(options: Namespace) -> int:
    """Make the call and print its result."""
    params = params_of(options.params)
    method = _checked(options.method)
    start_logging(verbose=options.verbose)
    client = Client(
        url_of(options),
        credentials=credentials_for(method if method.startswith("private/") else None),
        heartbeat=None,  # one question and one answer: nothing to keep alive
        call_timeout=options.timeout,
    )
    result = await _result(client, method, params, options.timeout)
    write_line(dumped(result, indented=is_terminal()))
    return OK


async def _result(client: Client, method: str, params: dict[str, Any], timeout: float) -> Any:
    """The result, within `timeout` seconds for connecting and asking together."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    try:
        async with asyncio.timeout_at(deadline):
            await client.__aenter__()
    except CallTimeout:
        raise  # a call that was needed to connect: it says which
    except TimeoutError:
        raise Failure(f"no connection to {client.url} within {timeout:g} s") from None
    try:
        return await client.call(method, params, timeout=max(0.001, deadline - loop.time()))
    finally:
        await client.aclose()


def _checked(method: str) -> str:
    if not _METHOD.fullmatch(method):
        raise Failure(f"not a method: {method!r}; they look like public/get_time", USAGE)
    if method in ("public/subscribe", "private/subscribe"):
        raise Failure(f"{method} needs somebody to listen: use deribit-ws tail", USAGE)
    if method == "public/auth":
        raise Failure(
            f"secrets never belong on a command line: set {CLIENT_ID} and {CLIENT_SECRET}, "
            "and private methods log in by themselves",
            USAGE,
        )
    return method


def params_of(words: Sequence[str]) -> dict[str, Any]:
    """The parameters that `key=value` words stand for; a value is JSON where it parses, else a string.

    Raises:
        Failure: a word is no such pair, or a key occurs twice.
    """
    params: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise Failure(f"not key=value: {word!r}", USAGE)
        if key in params:
            raise Failure(f"given twice: {key}", USAGE)
        params[key] = _value(value)
    return params


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is Python's, not JSON's")
