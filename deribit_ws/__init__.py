"""deribit_ws: a Deribit websocket client that makes the drop a non-event.

Three ways in: `websocket_generator` for live websockets without end, `Client` with callbacks by
channel (functions or a `Handler` class), and `Client` with calls and streams inside your own loop.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deribit_ws.face import *  # noqa: F403  all that is public, which `__all__` there lists
    from deribit_ws.face import __all__ as __all__


def __getattr__(name: str) -> Any:
    # The public names take half a second to import. The command `deribit-ws`, which has to come through
    # here, needs none of them to answer Ctrl-C or --help.
    if name == "__all__" or not name.startswith("_"):
        if find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")
        face = import_module(f"{__name__}.face")
        if hasattr(face, name):
            globals()[name] = getattr(face, name)  # asked for once
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
