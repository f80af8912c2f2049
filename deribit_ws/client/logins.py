"""Keeping a client logged in: on every connection, before the tokens end, and when they end early.

Knows: what a refused login means for what needs one. Must not know: how a login is made, or how links
are dialled. `restoring` logs each connection in, and runs `keep` while it lives; `calls` asks for a new
login when the exchange says that the present one is no longer valid.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

from deribit_ws.auth import Login, missing
from deribit_ws.errors import AuthError, CallError, DeribitError, RateLimited, RpcError, ScopeReduced
from deribit_ws.journal import note
from deribit_ws.subscriptions import Subscriptions
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.client")

NOT_LOGGED_IN = 13009  # the code of a private call whose login is missing, ended or was revoked
_WAITS = (0.5, 1.0, 2.0)  # seconds before the three more tries on a later connection
_AGAIN_SECONDS = 60.0  # once refused for good: a key may be mended without the link being dropped
_FRESH_SECONDS = 5.0  # a login this young is not to blame for a 13009; asking for another would hammer
_BLAMED_SECONDS = 900.0  # for what a fresh login did not mend: each login tried costs private streams a hole
_RETRY_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds between renewals that fail for a passing reason
_LIMITED_SECONDS = 5.0  # after a rate limit at the least


class LoginKeeper:
    """Logs connections in and keeps them so.

    Args:
        login: makes the logins.
        subscriptions: barred from what needs a login while there is none.
        report: told once of a login that is refused for good.
    """

    def __init__(
        self, login: Login, subscriptions: Subscriptions, report: Callable[[DeribitError], None]
    ) -> None:
        self._login = login
        self._subscriptions = subscriptions
        self._report = report
        self.refused: AuthError | None = None  # private calls raise it
        self._reduced = ""  # the scope last complained of
        self._since = 0.0  # when the present login was answered, on the loop's clock
        self.number = 0  # of the present login, of all this client has had
        self._blamed: dict[str, float] = {}  # methods that met a 13009 on a fresh login, and until when
        self._asked = asyncio.Event()
        self._renewed: asyncio.Future[None] | None = None

    @property
    def scope(self) -> str | None:
        """What the present connection may do, as words; None while it is not logged in."""
        return self._login.grant.scope if self._login.grant is not None and self.refused is None else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written down: the key's secret, and the tokens of the present login."""
        return self._login.secrets

    def may(self, scope: str) -> bool:
        """Tell whether the present login covers words of a scope."""
        return self.scope is not None and not missing(scope, self.scope)

    def disconnected(self) -> None:
        """Forget the login: it was the connection's."""
        self._login.grant = None
        self._blamed.clear()
        self._tell_renewed()

    async def restore(self, call: Call, *, is_first: bool) -> None:
        """Log a connection in; refused for good on a later one, go on without what needs a login.

        Raises:
            AuthError, ScopeReduced: refused, or granted less than asked, on the first connection.
            CallError: no answer, or a passing error.
        """
        # Public data waits for these: once refused for good, a new connection tries only once.
        waits = _WAITS if self.refused is None else ()
        refused: AuthError | None = None
        for wait in (*waits, None):
            try:
                await self._log_in(call, is_first=is_first)
            except AuthError as error:
                if is_first:
                    raise
                refused = error
                if wait is not None:
                    _note_trouble("login_refused", "logging in again in %(seconds)g s", error, wait)
                    await asyncio.sleep(wait)
            else:
                refused = None
                break
        self._judge(refused)

    async def _log_in(self, call: Call, *, is_first: bool) -> None:
        try:
            grant = await self._login.log_in(call)
        except ScopeReduced as reduced:
            if is_first:
                raise
            self._complain(reduced)
        else:
            self._reduced = ""
            text = "logged in: scope %(scope)s" + (", for %(seconds).0f s" if grant.expires_in else "")
            note(logger, logging.INFO, "login", text, scope=grant.scope, seconds=grant.expires_in)
        self._count()

    def _count(self) -> None:
        self.number += 1
        self._since = asyncio.get_running_loop().time()

    def _complain(self, reduced: ScopeReduced) -> None:
        if self._reduced != reduced.granted:  # once for each scope, not on every connection
            self._reduced = reduced.granted
            self._report(reduced)

    def _judge(self, refused: AuthError | None) -> None:
        if refused is not None and self.refused is None:
            self._report(refused)
        self.refused = refused
        self._subscriptions.bar(refused)

    async def keep(self, call: Call, lapsed: Callable[[Call], Awaitable[None]]) -> None:
        """Renew the login in time, and at once when `renewal` asks; ends with the connection.

        `lapsed` is called after a new login that followed a time without one, before anybody is told.
        """
        try:
            while True:
                await self._until_due()
                if await self._renew(call):
                    await lapsed(call)
                self._tell_renewed()
        finally:
            self._tell_renewed()

    async def renewal(self, method: str, number: int) -> bool:
        """Have the login renewed, since `method`, sent under the login of that number, met a 13009.

        True when it makes sense to send the method again.
        """
        grant = self._login.grant
        now = asyncio.get_running_loop().time()
        if self.refused is not None or grant is None or now < self._blamed.get(method, now):
            return False
        if number != self.number:  # what it met was the end of an older one
            return True
        if now < min(self._since + _FRESH_SECONDS, grant.expires_at):
            return False
        if self._renewed is None:
            self._renewed = asyncio.get_running_loop().create_future()
            self._asked.set()
        await asyncio.shield(self._renewed)
        return True

    def blame(self, method: str) -> None:
        """Take it for a while that a method meets a 13009 whatever the login is."""
        self._blamed[method] = asyncio.get_running_loop().time() + _BLAMED_SECONDS

    def _tell_renewed(self) -> None:
        self._asked.clear()
        if self._renewed is not None:
            self._renewed.set_result(None)
            self._renewed = None

    async def _until_due(self) -> None:
        now = asyncio.get_running_loop().time()
        due = now + _AGAIN_SECONDS if self.refused is not None else self._login.renew_at
        try:
            async with asyncio.timeout_at(None if due == float("inf") else due):
                await self._asked.wait()
        except TimeoutError:
            pass

    async def _renew(self, call: Call) -> bool:
        """Renew, however long it takes: a passing refusal is no reason to give the link up.

        True when the connection has a login again after a time without one.
        """
        waits = itertools.chain(_RETRY_WAITS, itertools.repeat(_RETRY_WAITS[-1]))
        while True:
            try:
                return await self._renew_once(call)
            except CallError as error:
                wait = max(next(waits), _LIMITED_SECONDS if isinstance(error, RateLimited) else 0.0)
                _note_trouble("login_not_renewed", "renewing the login again in %(seconds)g s", error, wait)
                await asyncio.sleep(wait)

    async def _renew_once(self, call: Call) -> bool:
        """Renew by the refresh token; where that fails or is too late, log in from the start."""
        old = self._login.grant
        if self._is_current() and await self._refreshed(call):
            # An answer that came after the old login's end: the exchange may have been without one.
            return old is not None and asyncio.get_running_loop().time() >= old.expires_at
        await self.restore(call, is_first=False)
        return self.refused is None  # a refused refresh says that the old login may have ended early

    async def _refreshed(self, call: Call) -> bool:
        try:
            await self._login.refresh(call)
        except ScopeReduced as reduced:
            self._complain(reduced)
        except CallError as error:
            if isinstance(error, RpcError) and is_passing(error.code):
                raise  # the token is as good as before
            # Of unknown outcome, too: the token may be worthless by now.
            _note_trouble("login_not_renewed", "logging in from the start", error, 0.0)
            return False
        else:
            self._reduced = ""
        self._count()
        return True

    def _is_current(self) -> bool:
        grant = self._login.grant
        now = asyncio.get_running_loop().time()
        is_doubted = self._asked.is_set() or self.refused is not None
        return not is_doubted and grant is not None and now < grant.expires_at


def _note_trouble(event: str, next_step: str, error: CallError, seconds: float) -> None:
    note(logger, logging.WARNING, event, f"%(why)s; {next_step}", why=str(error), seconds=seconds)
