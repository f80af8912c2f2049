"""How a login proves who it is: the secret itself, or something signed with it.

Knows: client_credentials and client_signature. Must not know: tokens or sessions. `login_methods`
asks it before `logins` opens anything. Source: authentication page of docs.deribit.com: the signed
text is timestamp, nonce and data, each ended by a line feed but the last; HMAC-SHA256, in hex.
"""

import hashlib
import hmac
from collections.abc import Callable

from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.logins import INVALID_CREDENTIALS
from deribit_ws.testing.params import Params

SIGNATURE_LIFE = 60_000  # ms by which a signature's timestamp may be off, either way


class Proofs:
    """Checks identities; `secret` gives that of a client id, `now_ms` the exchange's clock."""

    def __init__(self, secret: Callable[[str], str | None], now_ms: Callable[[], int]) -> None:
        self._secret = secret
        self._now_ms = now_ms
        self._spent: set[tuple[str, str]] = set()

    def check(self, grant: str, params: Params) -> str:
        """The client id that is proved; raises Refusal 13004 whatever is wrong with it."""
        client_id = params.text("client_id")
        given = params.text("client_secret" if grant == "client_credentials" else "signature")
        secret = self._secret(client_id)
        expected = secret if grant == "client_credentials" else self._signature(client_id, secret, params)
        # Encoded, since compare_digest takes no text beyond ASCII.
        if expected is None or not hmac.compare_digest(expected.encode(), given.encode()):
            raise Refusal(INVALID_CREDENTIALS)
        if grant == "client_signature" and (nonce := params.optional("nonce")):
            self._spent.add((client_id, nonce))
        return client_id

    def _signature(self, client_id: str, secret: str | None, params: Params) -> str | None:
        """What the signature must be; None if none can be good."""
        timestamp = int(params.number("timestamp", least=0))
        nonce, data = params.optional("nonce") or "", params.optional("data") or ""
        if secret is None or (client_id, nonce) in self._spent:
            return None
        if abs(self._now_ms() - timestamp) > SIGNATURE_LIFE:
            return None
        return hmac.new(secret.encode(), f"{timestamp}\n{nonce}\n{data}".encode(), hashlib.sha256).hexdigest()
