"""Labels that make an order findable: the user's own words, and what makes them unique.

Knows: the exchange's bound on labels, and how the two parts are put together. Must not know: calls or
orders' lives. `intents` labels every order by it, and views find the user's own part again with it.
The exchange keeps labels but makes none unique, so the unique part is chance of ours.
"""

import re
import secrets

from deribit_ws.errors import UsageError
from deribit_ws.wire.trading import Order

_MOST = 64  # characters that the exchange takes
_CHANCE_BYTES = 6  # 48 bits: among a million orders two would be alike once in 500 accounts
_MARK = "~"  # stands before the unique part; free text may hold it too, so the last one counts
_OWN_MOST = _MOST - len(_MARK) - 2 * _CHANCE_BYTES
_UNIQUE = re.compile(rf"{_MARK}[0-9a-f]{{{2 * _CHANCE_BYTES}}}\Z")


def unique_label(own: str | None) -> str:
    """Give a label no other order has: the user's own words, then "~" and 12 random hex digits.

    Raises:
        UsageError: the words are no text, or more than 51 characters.
    """
    if not isinstance(own, str | None):
        raise UsageError(f"label must be text, not {type(own).__name__}")
    if own is not None and len(own) > _OWN_MOST:
        raise UsageError(f"label of {len(own)} characters: at most {_OWN_MOST}, as its unique part is added")
    return f"{own or ''}{_MARK}{secrets.token_hex(_CHANCE_BYTES)}"


def label_of(order: Order) -> str:
    """Give the user's own part of an order's label; "" where there is none, all of a label made elsewhere."""
    return _UNIQUE.sub("", order.label or "")
