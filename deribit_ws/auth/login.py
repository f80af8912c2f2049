"""Logging a connection in, and renewing the login before its tokens end.

Knows: credentials, the login calls, and the tokens of the present connection. Must not know:
connections, channels, or what a refusal means for them; `call` is injected. `client` logs every new
connection in before its subscriptions. Source: facts of docs.deribit.com, authentication: a login makes
the connection itself authenticated, and a refresh replaces both tokens.
"""

import asyncio
import secrets
from collections.abc import Callable

from deribit_ws.auth.credentials import Credentials, RefreshToken, refresh_request
from deribit_ws.auth.grant import Grant, grant_of, missing
from deribit_ws.errors import AuthError, RpcError, ScopeReduced
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.shown import SECRETS
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call

_LEAST_SECONDS = 0.5  # between two renewals, however short the life of tokens is
_RENEW_AT = 0.8  # of the tokens' life; leaves time for a refusal and a login from the start


class Login:
    """The login of one client.

    Args:
        credentials: a key, or a refresh token.
        clock: gives the exchange's time, which signatures carry; measured before each.
        report: told when `RefreshToken.replaced` fails.
    """

    def __init__(
        self,
        credentials: Credentials | RefreshToken,
        clock: ExchangeClock,
        report: Callable[[Exception], None],
    ) -> None:
        self._report = report
        self._credentials = credentials
        self._clock = clock
        self._token = credentials.token if isinstance(credentials, RefreshToken) else ""
        self.grant: Grant | None = None  # of the present connection

    @property
    def renew_at(self) -> float:
        """When the login is to be renewed, on the loop's clock."""
        if self.grant is None or self.grant.expires_in is None:
            return float("inf")
        return self.grant.since + max(_LEAST_SECONDS, _RENEW_AT * self.grant.expires_in)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key's secret and the refresh token, as far as there are any; access tokens are not kept."""
        token = self.grant.refresh_token if self.grant is not None else ""
        return tuple(dict.fromkeys(filter(None, (self._credentials.secret, self._token, token))))

    async def log_in(self, call: Call) -> Grant:
        """Log a connection in from the start.

        Raises:
            AuthError: refused, whatever the code, unless the reason is a passing one.
            ScopeReduced: less was granted than asked for; the connection is logged in with that.
            CallError: no answer, or a passing error.
        """
        if isinstance(self._credentials, RefreshToken):
            return await self._ask(call, dict(refresh_request(self._token, self._credentials.scope)))
        if self._credentials.signs:
            await self._measure(call)
        return await self._ask(
            call, dict(self._credentials.request(self._clock.now_ms(), secrets.token_hex(8)))
        )

    async def refresh(self, call: Call) -> Grant:
        """Renew the login by its refresh token; raise as `log_in`."""
        if self.grant is None or not self.grant.refresh_token:
            return await self.log_in(call)
        return await self._ask(call, dict(refresh_request(self.grant.refresh_token)))

    async def _ask(self, call: Call, params: dict[str, object]) -> Grant:
        since = asyncio.get_running_loop().time()
        try:
            answer = await call("public/auth", params)
        except RpcError as error:
            refusal = self._refusal(error, params)
        else:
            return self._granted(grant_of(answer, since))
        raise refusal  # only now: the answer as it came, which may quote a secret, is no part of it

    def _granted(self, grant: Grant) -> Grant:
        self.grant = grant
        self._keep_token(self.grant.refresh_token)
        asked = self._credentials.scope
        if lacking := missing(asked, self.grant.scope):
            raise ScopeReduced(asked or "", self.grant.scope, lacking)
        return self.grant

    def _refusal(self, error: RpcError, params: dict[str, object]) -> RpcError:
        """Say what an error answer to a login means, without the secrets that it may quote."""
        kind = type(error) if is_passing(error.code) else AuthError
        sent = [str(params[name]) for name in SECRETS if name in params]
        return kind.like(error, error.method, hidden=[*sent, self._credentials.secret])

    def _keep_token(self, token: str) -> None:
        if isinstance(self._credentials, RefreshToken) and token and token != self._token:
            self._token = token
            if self._credentials.replaced is not None:
                try:
                    self._credentials.replaced(token)
                except Exception as error:  # the user's; the new token is kept here all the same
                    self._report(error)

    async def _measure(self, call: Call) -> None:
        """Set the clock by the exchange's: it takes no signature that is more than 60 s off."""
        sent = self._clock.ticks()
        answer = await call("public/get_time", {})
        if isinstance(answer, int | float):
            self._clock.measured(answer, sent, self._clock.ticks())
