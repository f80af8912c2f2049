"""Orders that never leave their user in doubt: placed, changed and cancelled whatever the link does.

`intents` is what users call, `doubts` finds out what became of a call that ended without saying so, by
`reads` that end with an answer and the exchange's own `time`; `labels` make an order findable, and
`edits` tell whether an order is as it was asked to be. Must not know: connections, or the live view.
"""

from deribit_ws.orders.intents.intents import Intents
from deribit_ws.orders.intents.labels import label_of

__all__ = ["Intents", "label_of"]
