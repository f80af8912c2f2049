"""Placing orders through a bare client, for the tests of users' orders.

Knows: one quiet instrument, and the shortest way to an order. Must not know: how orders match.
"""

from typing import Any

from tests.testing.peer import Message, Peer

BTC = "BTC-PERPETUAL"
QUIET = "BTC-25DEC26-45000-P"  # nobody but the test trades it


async def order(peer: Peer, side: str = "buy", name: str = QUIET, **terms: Any) -> Message:
    """Place an order, a small limit order unless said otherwise; the answer's `order`."""
    asked: Message = {"instrument_name": name, "amount": 1.0} | terms
    answer = await peer.result(f"private/{side}", **asked)
    placed: Message = answer["order"]
    return placed
