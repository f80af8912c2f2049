"""One channel of every pattern the production exchange has, ready to be subscribed to.

Knows: the package's table of patterns, and a value for each placeholder. Must not know: payloads.
`channel_sets` and `drift` ask it.
"""

from deribit_ws.wire.channels import Pattern, families_meant
from tools.testnet.bench import INDEX, PERPETUAL

_VALUES = {
    "instrument_name": PERPETUAL,
    "interval": "100ms",
    "group": "none",
    "depth": "10",
    "kind": "any",
    "currency": "any",
    "index_name": INDEX,
    "resolution": "1",
}
# Where `any` is not printed as a choice, or a busier one is known.
_OWN_VALUES = {
    "trades.{kind}.{currency}.{interval}": {"kind": "future", "currency": "BTC"},
    "block_rfq.trades.{currency}": {"currency": "BTC"},
}
# Only on Coinbase's deployment of the engine.
_ELSEWHERE = ("user.isolated.", "user.position_lock", "user.trailing_orders.")
_BUT_HERE = "user.isolated.liquidation"


def public_channels() -> dict[str, str]:
    """The channels that need no login, by their patterns."""
    return {pattern: channel for pattern, (channel, private) in _production().items() if not private}


def private_channels() -> dict[str, str]:
    """The channels of an account, by their patterns."""
    return {pattern: channel for pattern, (channel, private) in _production().items() if private}


def _production() -> dict[str, tuple[str, bool]]:
    found = {}
    for family in families_meant(Pattern(">")):
        text = family.pattern.text
        if text.startswith(_ELSEWHERE) and text != _BUT_HERE:
            continue
        channels = family.pattern.channels(_VALUES | _OWN_VALUES.get(text, {}))
        assert channels is not None, f"{text} has a placeholder without a value in `_VALUES`"
        found[text] = (next(iter(channels)), family.is_private)
    return found
