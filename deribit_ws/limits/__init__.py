"""How fast a client may send: Deribit's credits and queues, reckoned on this side.

`limits` holds the turns, `pools` the budgets and who draws on them, `claims` what one request takes,
`currencies` what it is about, `snapshot` what is shown. The client keeps one `Limits` for
all its connections.
"""

from deribit_ws.limits.limits import Limits
from deribit_ws.limits.snapshot import LimitsSnapshot, PoolSnapshot

__all__ = ["Limits", "LimitsSnapshot", "PoolSnapshot"]
