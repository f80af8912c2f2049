"""Sets of instruments that change while they are used: new strikes are listed, old ones expire.

`instruments` is the set users hold, `listing` makes one picture of what was read and what was told
since, `universe` reads, and reads again on each new connection. This room must not know sockets or how a
connection is rebuilt; `client` owns one `Universe` and says when.
"""

from deribit_ws.universe.instruments import Instruments, Kind
from deribit_ws.universe.universe import Universe

__all__ = ["Instruments", "Kind", "Universe"]
