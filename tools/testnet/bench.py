"""What a check is given to work with: where the exchange is, who we are there, and peers.

Knows: the URL, the API key, the time a check may take. Must not know: any check. The runner makes one
for each check, so that each has evidence of its own.
"""

from dataclasses import dataclass, field
from typing import Any

from deribit_ws import Credentials
from tools.testnet.evidence import Evidence
from tools.testnet.masking import Mask
from tools.testnet.pace import Pace
from tools.testnet.peer import Message, Peer, told
from tools.testnet.verdicts import Undecided

PERPETUAL = "BTC-PERPETUAL"  # the busiest book of either exchange
INDEX = "btc_usd"


@dataclass(slots=True)
class Bench:
    """A check's workplace.

    `seconds` is how long it may listen at most.
    """

    url: str
    credentials: Credentials | None
    mask: Mask
    pace: Pace
    seconds: float
    evidence: Evidence = field(init=False)
    _peers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.mask)

    def peer(self, *, ping_interval: float | None = 15.0) -> Peer:
        """A connection, to be entered; with no `ping_interval` it never sends a PING of its own."""
        self._peers += 1
        return Peer(self.url, self._peers, self.evidence, self.pace, ping_interval=ping_interval)

    @property
    def key(self) -> Credentials:
        """The API key of a check that needs one."""
        assert self.credentials is not None, "checks that need a key run only with one"
        return self.credentials

    def proof(self, scope: str | None = None) -> Message:
        """The parameters of a login with the key's secret."""
        given = {
            "grant_type": "client_credentials",
            "client_id": self.key.client_id,
            "client_secret": self.key.client_secret,
        }
        return given if scope is None else {**given, "scope": scope}

    async def login(self, peer: Peer, scope: str | None = None) -> Any:
        """Log a connection in, and give the whole result; raises Undecided when that is refused."""
        answer = await peer.call("public/auth", self.proof(scope))
        if "result" not in answer:
            raise Undecided(f"the login was refused: {told(answer)}")
        return answer["result"]

    def span(self, seconds: float) -> float:
        """So many seconds of listening, or as many as there are."""
        return min(seconds, self.seconds)
