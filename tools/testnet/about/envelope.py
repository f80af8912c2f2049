"""Checks of the envelope: what stands around every answer, and what comes of a bad request.

Knows: JSON-RPC as Deribit speaks it. Must not know: subscriptions or logins beyond one that reads.
"""

import json
import re

from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.peer import PATIENCE, Message, code_of, told
from tools.testnet.verdicts import Finding, Findings, confirmed, judged, undecided

_STAMPS = {"usIn", "usOut", "usDiff", "testnet"}
_TOO_LONG = 33_000  # bytes: above the limit, whether a kilobyte is 1,000 or 1,024
_LONG = 31_000  # below it
_EXPONENT = re.compile(r"[:\[,]\s*(-?\d+(?:\.\d+)?[eE][-+]?\d+)")
_SLOW = ("public/get_book_summary_by_currency", {"currency": "BTC"})  # hundreds of options, summed up


@check("§2, §14.1")
async def envelope(bench: Bench) -> Findings:
    """Every answer, an error too, carries id, usIn, usOut, usDiff and testnet, and jsonrpc 2.0."""
    async with bench.peer() as peer:
        result = await peer.call("public/get_time")
        error = await peer.call("public/get_order_book")
    return {"result": _enveloped(result, "result"), "error": _enveloped(error, "error")}


def _enveloped(answer: Message, outcome: str) -> Finding:
    lacking = ({"jsonrpc", "id", outcome} | _STAMPS) - answer.keys()
    more = answer.keys() - {"jsonrpc", "id", outcome} - _STAMPS
    adds_up = not lacking and answer["usOut"] - answer["usIn"] == answer["usDiff"]
    seen = f"lacking {sorted(lacking)}, more {sorted(more)}, testnet {answer.get('testnet')}"
    return judged(not lacking and not more and adds_up and answer.get("testnet") is True, seen)


@check("§2")
async def id_as_text(bench: Bench) -> Findings:
    """An id may be a string, and comes back as it was."""
    async with bench.peer() as peer:
        await peer.send('{"jsonrpc": "2.0", "id": "seven", "method": "public/get_time"}')
        answer = await peer.answer("seven")
    return judged("result" in answer.message, told(answer.message))


@check("§2")
async def request_without_id(bench: Bench) -> Findings:
    """A request without an id is answered with a result that has none either."""
    async with bench.peer() as peer:
        await peer.send('{"jsonrpc": "2.0", "method": "public/get_time", "params": {}}')
        frame = await peer.need(lambda frame: "method" not in frame.message, PATIENCE, "any answer")
    return judged("result" in frame.message and "id" not in frame.message, _keys(frame.message))


@check("§2, §14.1")
async def bad_json(bench: Bench) -> Findings:
    """What is no JSON is answered by 11050 bad_request without an id, and the socket stays open."""
    async with bench.peer() as peer:
        await peer.send("{this is no JSON")
        frame = await peer.need(lambda _: True, PATIENCE, "any answer")
        stays = "result" in await peer.call("public/get_time")
    answer = frame.message
    as_believed = code_of(answer) == 11050 and "id" not in answer and stays
    return judged(as_believed, f"{told(answer)}; keys {_keys(answer)}; open afterwards: {stays}")


@check("§2, §14.8")
async def unknown_method(bench: Bench) -> Findings:
    """A method that does not exist is answered by -32601."""
    async with bench.peer() as peer:
        answer = await peer.call("public/get_no_such_thing")
    return judged(code_of(answer) == -32601, told(answer))


@check("§2, §14.8")
async def bad_parameter(bench: Bench) -> Findings:
    """A missing or bad parameter is answered by -32602, whose data are {param, reason}."""
    async with bench.peer() as peer:
        missing = await peer.call("public/get_order_book")
        wrong = await peer.call("public/get_order_book", {"instrument_name": "NO SUCH NAME"})
    return {"missing": _names_param(missing), "wrong": _names_param(wrong)}


def _names_param(answer: Message) -> Finding:
    data = (answer.get("error") or {}).get("data")
    is_shaped = isinstance(data, dict) and data.keys() == {"param", "reason"}
    return judged(code_of(answer) == -32602 and is_shaped, told(answer))


@check("§3, §14.8")
async def forced_exception(bench: Bench) -> Findings:
    """public/test with expected_result "exception" gives an error answer."""
    async with bench.peer() as peer:
        answer = await peer.call("public/test", {"expected_result": "exception"})
    return judged("error" in answer, told(answer))


@check("§1, §14.8")
async def frame_too_large(bench: Bench) -> Findings:
    """A frame above 32 kB is answered by -32600, one of 31 kB is not."""
    async with bench.peer() as peer:
        await peer.send(_padded(1, _LONG))
        below = await peer.need(lambda frame: "method" not in frame.message, PATIENCE, "any answer")
        if peer.lost is None:
            await peer.send(_padded(2, _TOO_LONG))
        above = await peer.wait(lambda frame: "method" not in frame.message, PATIENCE)
    ended = f"; then {peer.lost}" if peer.lost else ""
    seen = told(above.message) if above else "no answer"
    return {
        "31-kB": judged(code_of(below.message) != -32600, told(below.message)),
        "33-kB": judged(above is not None and code_of(above.message) == -32600, f"{seen}{ended}"),
    }


def _padded(request_id: int, size: int) -> str:
    request = {"jsonrpc": "2.0", "id": request_id, "method": "public/test", "params": {"padding": "x" * size}}
    return json.dumps(request)


@check("§2, §14.4")
async def numbers_in_exponent_form(bench: Bench) -> Findings:
    """Numbers also come in exponent form, such as 1.423e-4."""
    async with bench.peer() as peer:
        answer = await peer.answer(await peer.ask("public/ticker", {"instrument_name": PERPETUAL}))
    written = _EXPONENT.findall(answer.text)
    return confirmed(" ".join(written[:5])) if written else undecided("none in this ticker")


@check("§2")
async def order_within_a_category(bench: Bench) -> Findings:
    """Public answers on one connection come in the order of their requests."""
    async with bench.peer() as peer:
        asked = []
        for turn in range(12):
            slow = turn % 6 == 0  # it takes longer than the answers asked for after it
            asked.append(await (peer.ask(*_SLOW) if slow else peer.ask("public/get_time")))
        came = await peer.order_of(*asked)
    return judged(came == asked, f"asked {asked}, came {came}")


@check("§2, §14.2", needs=Needs.LOGIN)
async def order_across_categories(bench: Bench) -> Findings:
    """Answers to private and public requests on one connection overtake each other."""
    async with bench.peer() as peer:
        await bench.login(peer)
        rounds = 8
        for turn in range(rounds):
            first = await peer.ask(*_SLOW)
            second = await peer.ask("private/get_positions", {"currency": "BTC"})
            if await peer.order_of(first, second) == [second, first]:
                return confirmed(f"a private answer overtook a public one in round {turn + 1}")
    return undecided(f"none overtook another in {rounds} rounds")


@check("§8")
async def backfill_by_sequence(bench: Bench) -> Findings:
    """Trades asked for by trade_seq, ascending, come each once and without a hole, and say has_more."""
    name = {"instrument_name": PERPETUAL}
    method = "public/get_last_trades_by_instrument"
    async with bench.peer() as peer:
        newest = await peer.result(method, {**name, "count": 20, "sorting": "desc"})
        if not newest["trades"]:
            return undecided(f"no trades of {PERPETUAL} to ask for")
        last = newest["trades"][0]["trade_seq"]
        bounds = {"start_seq": max(1, last - 9), "end_seq": last, "sorting": "asc"}
        page = await peer.result(method, {**name, **bounds, "count": 1000})
        short = await peer.result(method, {**name, **bounds, "count": 1})
    sequence = [trade["trade_seq"] for trade in page["trades"]]
    whole = sequence == list(range(bounds["start_seq"], last + 1))
    return {
        "whole": judged(whole and not page["has_more"], f"{sequence}, has_more {page['has_more']}"),
        "paged": judged(
            short["has_more"] is (len(sequence) > 1), f"a page of one: has_more {short['has_more']}"
        ),
    }


def _keys(answer: Message) -> str:
    return " ".join(answer)
