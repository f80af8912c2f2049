"""Accounts, tokens and sessions: who is logged in, and for how long.

Knows: client ids, tokens and how long they live, the sessions of each key. Must not know: sockets,
other methods, how identity is proved (that is `proofs`). `login_methods` asks it; tests disturb it
through the exchange. Source: authentication and connection management pages of docs.deribit.com:
refresh tokens rotate, tokens of scope `connection` die with their connection, those of a session
are its own, and a key has sixteen sessions at most.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from deribit_ws.testing.envelope import UNAUTHORIZED, Refusal
from deribit_ws.testing.scopes import FULL_SCOPE, Scope

INVALID_CREDENTIALS = 13004
MOST_SESSIONS = 16  # of one key; one more removes the oldest
FIRST_USER = 10  # users without an id of their own are numbered from here


@dataclass(frozen=True, slots=True)
class Account:
    """An API key's account.

    `scope` is the most its logins are granted; keys of one `user_id` share its credits;
    `subaccounts` are the user ids it may switch to.
    """

    secret: str = field(repr=False)
    scope: str = FULL_SCOPE
    user_id: int | None = None
    subaccounts: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Login:
    """One session's or one connection's login; its tokens change when it is renewed.

    `session` is None for a login that lives with its `connection`, `connection` None for that of a
    session (or of plain HTTP). `expires_at` is in wall clock seconds.
    """

    client_id: str
    user_id: int
    scope: Scope
    session: str | None
    connection: int | None
    seconds: int
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    sid: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What the scope parameter of a login asks for."""

    scope: Scope
    session: str | None = None
    seconds: int | None = None

    @classmethod
    def parse(cls, words: str) -> "Wish":
        """Read the words; those of no meaning here (ip:) are passed over."""
        found: dict[str, str] = {}
        for word in words.split():
            name, _, value = word.partition(":")
            found.setdefault(name, value)
        life = found.get("expires", "")
        return cls(Scope.parse(words), found.get("session") or None, int(life) if life.isdigit() else None)


class Logins:
    """All logins of one exchange.

    `wall_clock` gives epoch seconds; `token_seconds` is how long a token lives unless its scope says less.
    """

    def __init__(
        self,
        accounts: Mapping[str, str | Account],
        *,
        rng: Random,
        wall_clock: Callable[[], float],
        token_seconds: int,
    ) -> None:
        self._accounts = {
            name: one if isinstance(one, Account) else Account(one) for name, one in accounts.items()
        }
        self._users = dict(_numbered(self._accounts))
        self._most = {name: Scope.parse(one.scope) for name, one in self._accounts.items()}
        self._revoked: set[str] = set()
        self._rng = rng
        self._wall_clock = wall_clock
        self._token_seconds = token_seconds
        self._by_access: dict[str, Login] = {}
        self._by_refresh: dict[str, Login] = {}
        self._sessions: defaultdict[str, dict[str, Login]] = defaultdict(dict)

    # --- what methods ask

    def secret(self, client_id: str) -> str | None:
        """The secret of a live key."""
        account = self._accounts.get(client_id)
        return None if account is None or client_id in self._revoked else account.secret

    def user(self, client_id: str) -> int:
        """Whose key this is."""
        return self._users[client_id]

    def open(self, client_id: str, wish: Wish, connection: int | None) -> Login:
        """Log a proved key in: for a session, which is used again, or for the connection alone."""
        if wish.session is None and connection is not None:
            self.forget(connection)  # a new login replaces the connection's own
        return self._opened(client_id, self._users[client_id], self._most[client_id], wish, connection)

    def renew(self, refresh_token: str, wish: Wish, connection: int | None) -> Login:
        """Change both tokens of a login for new ones; raises Refusal 13004 or 13009."""
        login = self._of_refresh(refresh_token, connection)
        login.scope = self._most[login.client_id].narrowed(wish.scope if wish.scope.levels else login.scope)
        self._issue(login, wish.seconds or login.seconds)
        return login

    def fork(self, refresh_token: str, session: str, connection: int | None) -> Login:
        """A login of another session beside the one whose token this is."""
        login = self._of_refresh(refresh_token, connection)
        if login.session is None:
            raise Refusal.param("refresh_token", "session scope required")
        wish = Wish(Scope({}), session, login.seconds)
        return self._opened(login.client_id, login.user_id, login.scope, wish, None)

    def exchange(self, refresh_token: str, user_id: int, wish: Wish, connection: int | None) -> Login:
        """A login for a sub-account; without a session of its own the given one is given up."""
        login = self._of_refresh(refresh_token, connection)
        if user_id not in self._accounts[login.client_id].subaccounts:
            raise Refusal.param("subject_id", "not a subaccount")
        most = Scope(login.scope.levels, main=login.scope.main and wish.session is None)
        if wish.session is None:
            self.drop(login)
        return self._opened(login.client_id, user_id, most, wish, connection)

    def check(self, access_token: str, connection: int | None) -> Login:
        """The login of a token; raises Refusal 13009 if it is unknown, expired or another connection's."""
        login = self._by_access.get(access_token)
        if login is None or not self.valid(login) or login.connection not in (None, connection):
            raise _unauthorized()
        return login

    def valid(self, login: Login) -> bool:
        """Whether a login has neither expired nor been given up."""
        return login.access_token in self._by_access and self._wall_clock() < login.expires_at

    def forget(self, connection: int) -> None:
        """A connection is gone, and its own login with it."""
        self._drop_all(login for login in self._by_access.values() if login.connection == connection)

    def drop(self, login: Login) -> None:
        """Give a login up: its tokens are worth nothing, and its session is no more."""
        self._by_access.pop(login.access_token, None)
        self._by_refresh.pop(login.refresh_token, None)
        sessions = self._sessions[login.client_id]
        if login.session is not None and sessions.get(login.session) is login:
            del sessions[login.session]

    def sessions(self, client_id: str) -> list[str]:
        """The names of a key's sessions, the oldest first."""
        return list(self._sessions[client_id])

    # --- what tests do to it

    def expire(self, login: Login | None = None) -> None:
        """Let the access token of a login, or of all, run out now; it can still be renewed."""
        for one in self._by_access.values() if login is None else [login]:
            one.expires_at = self._wall_clock()

    def revoke(self, client_id: str) -> None:
        """Take a key away: its tokens are dead, and it can't log in."""
        self._known(client_id)
        self._revoked.add(client_id)
        self._drop_all(login for login in self._by_access.values() if login.client_id == client_id)

    def restore(self, client_id: str) -> None:
        """Let a key log in again, with its account's whole scope."""
        self._known(client_id)
        self._revoked.discard(client_id)
        self._most[client_id] = Scope.parse(self._accounts[client_id].scope)

    def narrow(self, client_id: str, scope: str) -> None:
        """Grant a key no more than this, from its next login or renewal on."""
        self._known(client_id)
        self._most[client_id] = Scope.parse(scope)

    # ---

    def _opened(self, client_id: str, user_id: int, most: Scope, wish: Wish, connection: int | None) -> Login:
        sessions = self._sessions[client_id]
        login = sessions.get(wish.session) if wish.session else None
        if login is not None and login.user_id != user_id:
            self.drop(login)
            login = None
        if login is None:
            seconds = self._token_seconds
            kept = None if wish.session else connection
            login = Login(
                client_id, user_id, most, wish.session, kept, seconds, "", "", self._token()[:16], 0
            )
            if wish.session:
                while len(sessions) >= MOST_SESSIONS:
                    self.drop(next(iter(sessions.values())))
                sessions[wish.session] = login
        login.scope = most.narrowed(wish.scope)
        self._issue(login, self._token_seconds if wish.seconds is None else wish.seconds)
        return login

    def _issue(self, login: Login, seconds: int) -> None:
        self._by_access.pop(login.access_token, None)
        self._by_refresh.pop(login.refresh_token, None)
        login.access_token, login.refresh_token = self._token(), self._token()
        login.seconds, login.expires_at = seconds, self._wall_clock() + seconds
        self._by_access[login.access_token] = self._by_refresh[login.refresh_token] = login

    def _of_refresh(self, refresh_token: str, connection: int | None) -> Login:
        login = self._by_refresh.get(refresh_token)
        if login is None:
            raise Refusal(INVALID_CREDENTIALS)
        if login.connection not in (None, connection):
            raise _unauthorized()
        return login

    def _drop_all(self, logins: Iterable[Login]) -> None:
        for login in list(logins):
            self.drop(login)

    def _known(self, client_id: str) -> None:
        if client_id not in self._accounts:
            raise ValueError(f"{client_id}: no account has this client id")

    def _token(self) -> str:
        return f"{self._rng.getrandbits(256):064x}"


def granted(login: Login) -> dict[str, Any]:
    """The answer of public/auth and its like, without the echoed state."""
    words = [f"session:{login.session}" if login.session else "connection", str(login.scope)]
    return {
        "access_token": login.access_token,
        "expires_in": login.seconds,
        "refresh_token": login.refresh_token,
        "scope": " ".join(filter(None, words)),
        "sid": login.sid,
        "token_type": "bearer",
        "enabled_features": [],
    }


def _numbered(accounts: Mapping[str, Account]) -> Iterable[tuple[str, int]]:
    free = FIRST_USER
    for name, account in accounts.items():
        yield name, free if account.user_id is None else account.user_id
        free += 100 * (account.user_id is None)  # leaves room for the sub-accounts of each


def _unauthorized() -> Refusal:
    return Refusal(UNAUTHORIZED, {"reason": "invalid_token"})
