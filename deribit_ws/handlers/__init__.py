"""Listening by channel: callbacks, handler classes and streams, and everything between them and the reader.

`handler` is what users subclass; `registry` holds who listens to one client. The rest is how a
signature is read, how a consumer is called or fed, and how handlers are told of events. This room must
not know connections or logins; it is fed by `router`, and asks for channels through `subscriptions`.
"""

from deribit_ws.handlers.handler import Handler, on
from deribit_ws.handlers.registrations import HandlerRegistration, Registration
from deribit_ws.handlers.registry import Registry
from deribit_ws.handlers.stream import Stream

__all__ = ["Handler", "HandlerRegistration", "Registration", "Registry", "Stream", "on"]
