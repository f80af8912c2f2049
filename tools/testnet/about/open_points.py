"""What no check here decides, each with the reason.

Knows: beliefs that stand open. Must not know: the exchange. They are listed so that a run shows the
whole of what is believed, and not only what is easily seen.
"""

from tools.testnet.checks import undecidable

_CREDITS = "only an empty pool would show, and that ends the session and may get the address banned"
_CHANCE = "it cannot be brought about from here; a run that meets it shows it in its frames"

COST_OF_UNSUBSCRIBE = undecidable(
    "cost-of-unsubscribe", "§5, §15", "An unsubscribe call costs 500 credits", _CREDITS
)
COST_OF_TEST = undecidable(
    "cost-of-public-test", "§3, §15", "A call of public/test costs 500 credits", _CREDITS
)
ADDRESS_POOL = undecidable(
    "pool-of-an-address", "§10, §15", "An address without a login has the pools of a user", _CREDITS
)
EMPTY_POOL = undecidable(
    "empty-pool",
    "§10, §14.3, §15",
    "10028 is followed by the end of the connection, without a frame",
    _CREDITS,
)
CONNECTION_33 = undecidable(
    "connection-33",
    "§10, §14.7",
    "The 33rd connection of an address is refused with HTTP 429",
    "33 connections at once would disturb whoever else is behind this address",
)
SLOW_READER = undecidable(
    "connection-too-slow",
    "§10, §14.7, §15",
    "A client that stops reading is disconnected",
    "it takes megabytes unread at the exchange, which is no way to treat a shared test system",
)
MAINTENANCE = undecidable(
    "maintenance",
    "§10, §14.7, §15",
    "Maintenance is announced on platform_state, then all is closed",
    _CHANCE,
)
SETTLEMENT = undecidable(
    "settlement-window", "§10, §14.7", "At 08:00 UTC orders are refused with 10041 for seconds", _CHANCE
)
INACTIVITY = undecidable(
    "cancel-after-inactivity",
    "§9",
    "Cancel-on-disconnect also fires after ten minutes without activity",
    "it takes more than ten minutes, with an order resting all the while",
)
SPEED_BUMP = undecidable(
    "speed-bump",
    "§12, §14.7",
    "An order on an instrument with a speed bump is answered 1 to 10 ms later",
    "so short a delay is lost in that of the network",
)
COMBO_TRADES = undecidable(
    "combo-trades",
    "§6, §15",
    "user.combo_trades gives a list of trades with legs",
    "it takes a filled combo order; both a list and an object are decoded",
)
SUBACCOUNT = undecidable(
    "exchange-token",
    "§4",
    "A token exchanged for a subaccount's without a session invalidates the old one",
    "it takes a subaccount, and the key's login would be lost",
)
CHANGELOG = undecidable(
    "changelog",
    "§15",
    "Nothing that matters here changed since September 2026",
    "see the drift-… checks for signs",
)
