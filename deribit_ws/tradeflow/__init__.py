"""Each trade once, in order: what was handed out, what is missing, and what to ask history for.

Pure: no await, no clock, no log. `InstrumentFlow` is about one instrument, `KindFlow` about all of a
kind and currency; `Flow` is what they share, `Sequence` one instrument's place in it. `trades` feeds
them what is live and what history answers, and hands out what is ready.
"""

from deribit_ws.tradeflow.flow import Flow
from deribit_ws.tradeflow.instrument_flow import InstrumentFlow
from deribit_ws.tradeflow.kind_flow import KindFlow
from deribit_ws.tradeflow.requests import PAGE, BadAnswer, BySeq, ByTime, Request

__all__ = ["PAGE", "BadAnswer", "BySeq", "ByTime", "Flow", "InstrumentFlow", "KindFlow", "Request"]
