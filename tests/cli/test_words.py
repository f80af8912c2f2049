"""Text for people and lines for programs: what is made of a message, whoever wrote it."""

import asyncio
import json
import os

import pytest

from deribit_ws.cli.failures import BROKEN_PIPE, Failure
from deribit_ws.cli.output import MOST_PENDING, Output, write_line
from deribit_ws.cli.printable import dumped, printable, safe_json
from deribit_ws.cli.readable import readable
from deribit_ws.cli.tail import json_line

TRADE = {"direction": "buy", "amount": 1000, "price": 2, "trade_seq": 3}
CHANGE = {"type": "change", "bids": [1], "asks": [], "change_id": 9}
NASTY = "a\x1b[31m\r\n\t\x7f\x9b\u2028\u202e\ufeffz"


def test_printable_text_is_one_harmless_line() -> None:
    """Whatever could move a cursor or forge a line is shown as an escape; the rest stays."""
    shown = printable(NASTY + "é…→")

    assert shown.isprintable() and shown.startswith(r"a\x1b[31m\x0d\x0a") and shown.endswith("zé…→")


def test_safe_json_means_the_same() -> None:
    """Escaping changes no value, and leaves one line."""
    value = {"name": NASTY, "n": [1, 2.5, None]}
    spread = json.dumps(value, ensure_ascii=False, indent=2)

    assert json.loads(safe_json(spread)) == value
    assert safe_json(spread).isprintable()


def test_indented_json_keeps_its_lines() -> None:
    """Indented JSON is spread over lines, and only by its own line ends."""
    lines = dumped({"name": NASTY}, indented=True).split("\n")

    assert len(lines) == 3 and all(line.isprintable() for line in lines)


def test_line_keeps_every_digit() -> None:
    """Data goes through as received: no number is read and printed anew."""
    line = json_line("x.y", b'{"price": 0.1000000000000000001,\n "id": 12345678901234567890}', 5)

    assert line == (
        '{"channel":"x.y",'
        '"data":{"price": 0.1000000000000000001,  "id": 12345678901234567890},"received_at":5}'
    )


@pytest.mark.parametrize(
    ("channel", "data", "gist"),
    [
        ("ticker.X.100ms", {"best_bid_price": 1.5, "mark_price": None}, "bid 1.5  mark –"),
        ("trades.X.100ms", [TRADE], "buy 1,000 @ 2 #3"),
        ("book.X.100ms", CHANGE, "1 bids  0 asks  change_id 9"),
        ("book.X.none.10.100ms", {"bids": [[1, 2]], "asks": []}, "1 bids  0 asks  best bid 1"),
        ("deribit_price_index.x", {"price": 90000}, "90,000"),
        ("platform_state", {"locked": False}, '{"locked":false}'),
        ("ticker.X.100ms", ["not", "a ticker"], '["not","a ticker"]'),
        ("trades.X.100ms", [{"price": "\x1b[31m"}], "\\u001b[31m"),
        ("quote.X", None, "null"),
    ],
)  # fmt: skip
def test_message_is_a_readable_line(channel: str, data: object, gist: str) -> None:
    """Known payloads show what matters, others and broken ones are shown as they came."""
    line = readable(channel, data, 1_700_000_000_123_000_000, 200)

    assert gist in line and channel in line and ".123  " in line
    assert line.isprintable()


def test_readable_line_fits() -> None:
    """A long message is cut to the width of the terminal."""
    assert len(readable("announcements", "x" * 500, 0, 80)) == 80


async def test_output_writes_in_order() -> None:
    """Lines arrive whole and in order."""
    ours, theirs = os.pipe()
    output = Output(theirs)
    for n in range(100):
        assert output.line(f"line {n}")
    await output.close()
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        lines = pipe.read().splitlines()

    assert lines == [f"line {n}" for n in range(100)]


async def test_output_drops_beyond_its_bound_and_closes_in_time() -> None:
    """A reader that takes nothing costs bounded memory, and does not hold up the end."""
    ours, theirs = os.pipe()
    output = Output(theirs)
    line = "x" * (MOST_PENDING // 4)
    taken = [output.line(line) for _ in range(10)]
    async with asyncio.timeout(2):
        await output.close()
    os.close(ours)  # lets the thread go: nobody will ever read
    async with asyncio.timeout(2):
        with pytest.raises(Failure):
            await output.ended()
    os.close(theirs)

    assert taken[0] and not taken[-1]


async def test_output_notices_that_its_reader_left() -> None:
    """A pipe without a reader is noticed even when there is nothing to write."""
    ours, theirs = os.pipe()
    output = Output(theirs)
    os.close(ours)
    with pytest.raises(Failure) as failure:
        async with asyncio.timeout(5):
            await output.wait_broken()
    await output.close()
    os.close(theirs)

    assert failure.value.status == BROKEN_PIPE


def test_line_to_nobody_is_a_broken_pipe() -> None:
    """A single line for which there is no reader fails with the pipe's status."""
    ours, theirs = os.pipe()
    os.close(ours)
    with pytest.raises(Failure) as failure:
        write_line("x", theirs)
    os.close(theirs)

    assert failure.value.status == BROKEN_PIPE
