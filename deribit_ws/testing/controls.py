"""What a test may do to the exchange beside faults: its clock, instruments, answers and logins.

Knows: which part each control belongs to. Must not know: how the parts work, or how they are made
(that is `exchange`, which is these controls and the rest). Each takes effect at once.
"""

from typing import Any

from deribit_ws.testing.clock import Clock
from deribit_ws.testing.faults import FailRequest, Standing
from deribit_ws.testing.instruments import OptionType
from deribit_ws.testing.logins import Login, Logins
from deribit_ws.testing.session import Session
from deribit_ws.testing.universe import Universe

LOGIN = "public/auth"


class Controls:
    """The half of a simulated exchange that needs no socket."""

    logins: Logins
    _clock: Clock
    _sessions: dict[int, Session]
    _standing: Standing
    _universe: Universe

    @property
    def clock_offset(self) -> float:
        """Seconds the exchange's clock is ahead of this machine's; may be set at any time."""
        return self._clock.offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._clock.offset = seconds

    def add_instrument(self, name: str) -> str:
        """List an option or a dated future of BTC or ETH by its name, and tell the instrument channels.

        Raises:
            ValueError: it is no such name, or was listed before.
        """
        return self._universe.add(name)

    def list_option(
        self, coin: str = "BTC", *, strike: float, side: OptionType = "call", fridays: int = 1
    ) -> str:
        """List an option that expires on the n-th Friday from now; gives its name.

        Raises:
            ValueError: there is no such coin (BTC, ETH) or side (call, put), or it was listed before.
        """
        return self._universe.add_option(coin, strike, side, fridays)

    def set_state(self, name: str, state: str) -> None:
        """Change an instrument's state: open, locked, halted, …; any but open stops its trading.

        Raises:
            ValueError: it is not listed.
        """
        self._universe.set_state(name, state)

    def expire(self, name: str) -> None:
        """Settle and deliver an instrument now; it does so by itself at its expiration.

        Raises:
            ValueError: it is not listed.
        """
        self._universe.expire(name)

    def refuse(
        self, method: str, code: int, *, times: int | None = 1, message: str | None = None, data: Any = None
    ) -> None:
        """Answer a method ("*": any) with an error; `times` None: until allowed."""
        self._standing.arm(FailRequest(method, code, times, data, message), times)

    def allow(self, method: str) -> None:
        """Refuse a method no more."""
        self._standing.disarm(FailRequest, method)

    def refuse_logins(
        self, code: int = 13004, *, times: int | None = None, message: str | None = None
    ) -> None:
        """Let nobody log in, nor renew a login."""
        self.refuse(LOGIN, code, times=times, message=message)

    def allow_logins(self) -> None:
        """Let everybody with the right secret log in again."""
        self.allow(LOGIN)

    def expire_tokens(self, connection: int | None = None) -> None:
        """Let all tokens run out now, or those of one connection; refresh tokens still work."""
        login: Login | None = self._session(connection).login if connection is not None else None
        if connection is None or login is not None:
            self.logins.expire(login)
        self._lapse()

    def revoke_key(self, client_id: str) -> None:
        """Take an API key away until `restore_key`: its tokens are dead, its logins 13004."""
        self.logins.revoke(client_id)
        self._lapse()

    def restore_key(self, client_id: str) -> None:
        """Undo `revoke_key` and `narrow_key`: it can log in, and from then on has its whole scope again."""
        self.logins.restore(client_id)

    def narrow_key(self, client_id: str, scope: str) -> None:
        """Grant a key no more than a scope, from its next login or renewal on, until `restore_key`."""
        self.logins.narrow(client_id, scope)

    def _session(self, connection: int) -> Session:
        if connection not in self._sessions:
            raise ValueError(f"connection {connection}: not open")
        return self._sessions[connection]

    def _lapse(self) -> None:
        for session in tuple(self._sessions.values()):
            session.lapse()
