"""The methods that change a connection: heartbeat, subscriptions, cancel on disconnect.

Knows: parameters, results and refusals of these methods. Must not know: sockets, envelopes.
`methods` lists them by name. Source: subscription and session pages of docs.deribit.com, and what
production did where they are silent.
"""

from typing import Any

from deribit_ws.testing import channels
from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.envelope import Refusal

RAW_NEEDS_LOGIN = 13778
LEAST_HEARTBEAT = 10  # seconds
LONGEST_LABEL = 16  # characters, documented
COD_SCOPES = ("connection", "account")


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
    """What was really subscribed, an account's own channels included where its scope is enough."""
    if len(call.params.optional("label") or "") > LONGEST_LABEL:
        raise Refusal.param("label", f"no longer than {LONGEST_LABEL}")
    login = call.required_login()
    if call.caller.login is None:
        call.caller.login = login  # by a session's token in the parameters
    wanted = call.params.channels()
    return _subscribe(call, [one for one in wanted if login.scope.allows(channels.scope_needed(one))])


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
    """For this connection, or for the account: then for every later one too."""
    call.caller.cancel_on_disconnect = True
    if _cod_scope(call) == "account":
        call.venue.cancelling_users.add(call.required_login().user_id)
    return "ok"


def disable_cancel_on_disconnect(call: Call) -> str:
    """The reverse."""
    call.caller.cancel_on_disconnect = False
    if _cod_scope(call) == "account":
        call.venue.cancelling_users.discard(call.required_login().user_id)
    return "ok"


def get_cancel_on_disconnect(call: Call) -> dict[str, Any]:
    """How it stands, for the connection or the account."""
    scope = _cod_scope(call)
    of_account = call.required_login().user_id in call.venue.cancelling_users
    return {"scope": scope, "enabled": of_account if scope == "account" else call.caller.cancel_on_disconnect}


def _cod_scope(call: Call) -> str:
    return call.params.optional("scope", among=COD_SCOPES) or "connection"


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


WEBSOCKET_METHODS: dict[str, Method] = {
    "public/set_heartbeat": set_heartbeat,
    "public/disable_heartbeat": disable_heartbeat,
    "public/subscribe": public_subscribe,
    "public/unsubscribe": unsubscribe,
    "public/unsubscribe_all": unsubscribe_all,
    "private/subscribe": private_subscribe,
    "private/unsubscribe": unsubscribe,
    "private/unsubscribe_all": unsubscribe_all,
    "private/enable_cancel_on_disconnect": enable_cancel_on_disconnect,
    "private/disable_cancel_on_disconnect": disable_cancel_on_disconnect,
    "private/get_cancel_on_disconnect": get_cancel_on_disconnect,
}
