"""The methods that log in and out.

Knows: parameters, results and refusals of these methods. Must not know: sockets, envelopes, how
tokens are kept. `methods` lists them by name. Source: authentication pages of docs.deribit.com.
"""

from typing import Any

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.logins import Login, Wish, granted

GRANTS = ("client_credentials", "client_signature", "refresh_token")


def auth(call: Call) -> dict[str, Any]:
    """Tokens for a proof of identity; the connection is logged in from now on."""
    grant = call.params.text("grant_type", among=GRANTS)
    wish = _wish(call)
    logins = call.venue.logins
    if grant == "refresh_token":
        login = logins.renew(call.params.text("refresh_token"), wish, call.number)
    else:
        login = logins.open(call.venue.proofs.check(grant, call.params), wish, call.number)
    _enter(call, login)
    return granted(login) | ({"state": call.params.text("state")} if "state" in call.params else {})


def fork_token(call: Call) -> dict[str, Any]:
    """Tokens of another session; the connection stays logged in as it was."""
    refresh_token, name = call.params.text("refresh_token"), call.params.text("session_name")
    return granted(call.venue.logins.fork(refresh_token, name, call.number))


def exchange_token(call: Call) -> dict[str, Any]:
    """Tokens of a sub-account; the connection acts for it from now on unless they are of a session."""
    refresh_token, wish = call.params.text("refresh_token"), _wish(call)
    user_id = int(call.params.number("subject_id", least=0))
    login = call.venue.logins.exchange(refresh_token, user_id, wish, call.number)
    if login.session is None:
        _enter(call, login)
    return granted(login)


def logout(call: Call) -> None:
    """No answer: the tokens are void and the socket closes, which cancels no orders."""
    call.silent = True
    if call.params.flag("invalidate_token", True):
        call.venue.logins.drop(call.required_login())
    call.caller.leave()


def _wish(call: Call) -> Wish:
    return Wish.parse(call.params.optional("scope") or "")


def _enter(call: Call, login: Login) -> None:
    if call.connection:
        call.connection.login = login
        if login.user_id in call.venue.cancelling_users:
            call.connection.cancel_on_disconnect = True


METHODS: dict[str, Method] = {
    "public/auth": auth,
    "public/exchange_token": exchange_token,
    "public/fork_token": fork_token,
}
WEBSOCKET_METHODS: dict[str, Method] = {"private/logout": logout}
