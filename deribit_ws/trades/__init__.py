"""Live trades: each one once, in order, across drops; what is missed is read from history.

`live` is what users read; `room` opens it, and on each connection has `reading_back` ask history, with
`life` to tell a dead link from a history that does not answer. What is missing, and when it is given up,
is reckoned in `tradeflow`. `client` owns one `Trades`.
"""

from deribit_ws.trades.live import LiveTrades
from deribit_ws.trades.room import DEFAULT_MAXSIZE, Trades

__all__ = ["DEFAULT_MAXSIZE", "LiveTrades", "Trades"]
