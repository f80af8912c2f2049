"""The methods that change a connection: login, heartbeat, subscriptions, cancel on disconnect.

Knows: parameters, results and refusals of these methods. Must not know: sockets, envelopes.
`methods` lists them by name. Source: authentication and subscription pages of docs.deribit.com,
and what production did where they are silent.
"""

from typing import Any

from deribit_ws.testing import channels
from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.envelope import Refusal

RAW_NEEDS_LOGIN = 13778
LEAST_HEARTBEAT = 10  # seconds
LONGEST_LABEL = 16  # characters, documented
COD_SCOPES = ("connection", "account")


def auth(call: Call) -> dict[str, Any]:
    """Tokens for a proof of identity; the connection is logged in from now on."""
    number = call.connection.number if call.connection else None
    login, result = call.venue.logins.grant(call.params, number)
    if call.connection:
        call.connection.login = login
    return result


def logout(call: Call) -> None:
    """No answer: the tokens are void and the socket closes."""
    call.silent = True
    if call.params.flag("invalidate_token", True):
        call.venue.logins.forget(call.caller.number)
    call.caller.leave()


def set_heartbeat(call: Call) -> str:
    """Heartbeats from now on."""
    call.caller.beat(call.params.number("interval", least=LEAST_HEARTBEAT))
    return "ok"


def disable_heartbeat(call: Call) -> str:
    """No heartbeats."""
    call.caller.beat(None)
    return "ok"


def public_subscribe(call: Call) -> list[str]:
    """What was really subscribed, of the public channels; one .raw without a login fails it all."""
    wanted = call.params.channels()
    if call.login() is None and any(channels.raw(channel) for channel in wanted):
        raise Refusal(RAW_NEEDS_LOGIN)
    return _subscribe(call, [channel for channel in wanted if not channels.private(channel)])


def private_subscribe(call: Call) -> list[str]:
    """What was really subscribed, an account's own channels included."""
    if len(call.params.optional("label") or "") > LONGEST_LABEL:
        raise Refusal.param("label", f"no longer than {LONGEST_LABEL}")
    return _subscribe(call, call.params.channels())


def unsubscribe(call: Call) -> list[str]:
    """What this call removed."""
    caller = call.caller
    removed = [channel for channel in call.params.channels() if channel in caller.channels]
    for channel in removed:
        caller.unsubscribe(channel)
    return _shuffled(call, removed)


def unsubscribe_all(call: Call) -> str:
    """Nothing is subscribed any more."""
    for channel in tuple(call.caller.channels):
        call.caller.unsubscribe(channel)
    return "ok"


def enable_cancel_on_disconnect(call: Call) -> str:
    """Noted; there are no orders to cancel here."""
    call.params.optional("scope", among=COD_SCOPES)
    call.caller.cancel_on_disconnect = True
    return "ok"


def disable_cancel_on_disconnect(call: Call) -> str:
    """Noted."""
    call.params.optional("scope", among=COD_SCOPES)
    call.caller.cancel_on_disconnect = False
    return "ok"


def get_cancel_on_disconnect(call: Call) -> dict[str, Any]:
    """What was noted."""
    scope = call.params.optional("scope", among=COD_SCOPES) or "connection"
    return {"scope": scope, "enabled": call.caller.cancel_on_disconnect}


def _subscribe(call: Call, wanted: list[str]) -> list[str]:
    dropped = call.caller.dropped_channels
    accepted = [one for one in wanted if call.venue.hub.knows(one) and dropped.isdisjoint({one, "*"})]
    good = _shuffled(call, accepted)

    def begin() -> None:
        for channel in good:
            call.caller.subscribe(channel)

    call.after.append(begin)
    return good


def _shuffled(call: Call, names: list[str]) -> list[str]:
    """In another order: the exchange keeps none."""
    call.venue.rng.shuffle(names)
    return names


METHODS: dict[str, Method] = {"public/auth": auth}
WEBSOCKET_METHODS: dict[str, Method] = {
    "public/set_heartbeat": set_heartbeat,
    "public/disable_heartbeat": disable_heartbeat,
    "public/subscribe": public_subscribe,
    "public/unsubscribe": unsubscribe,
    "public/unsubscribe_all": unsubscribe_all,
    "private/subscribe": private_subscribe,
    "private/unsubscribe": unsubscribe,
    "private/unsubscribe_all": unsubscribe_all,
    "private/logout": logout,
    "private/enable_cancel_on_disconnect": enable_cancel_on_disconnect,
    "private/disable_cancel_on_disconnect": disable_cancel_on_disconnect,
    "private/get_cancel_on_disconnect": get_cancel_on_disconnect,
}
