"""Rows 36 to 40: heartbeat, login, limits and subscriptions that go wrong; orders and instruments are
`account`'s.

Knows: faults of the exchange's answers, and what must be seen of each beside the invariants. Judges that.
"""

import asyncio
import contextlib
from itertools import pairwise

from deribit_ws import AuthError, Credentials, DeribitError, SubscriptionRejected
from deribit_ws.testing import Cut, DropChannels, Ending, FailRequest, IgnoreRequest, Pause, Say, Way
from tests.faults.blocking import block
from tests.faults.dialled import ours
from tests.faults.row import BOTH, MEMORY, SOCKETS, row
from tests.faults.stage import HALF_OPEN_SECONDS, HARD_SECONDS, RESTORE_SECONDS, Layer, Recovery, Stage
from tests.faults.subject import CHANNELS, KEY

TEST_REQUEST = '{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}'
SURELY_DOWN = 10.0  # seconds in which a half-open link can't be found out
ANSWERED_SECONDS = 1.0  # the scoreboard's, for the answer to a test_request
ANSWER_SECONDS = 5.0  # DESIGN's P: a sign of life that stays without an answer for so long ends the link
BUSY_SECONDS = 0.7  # that the loop is blocked when a test_request comes
REJECTED, NOT_FOUND = -32602, -32601
LOGIN_WAITS = (0.5, 1.0, 2.0)  # DESIGN's three more tries on a later connection, with back-off
BAD_KEY, UNAUTHORIZED, RAW_REFUSED = 13004, 13009, 13778
LOGIN_AGAIN = 60.0  # seconds after which a key refused for good is tried again without a drop
TOKEN_SECONDS = 3  # of life; the scoreboard's
RENEWED_AT = 0.8  # of it at the latest
CALL_SECONDS = 10.0  # for each call that rebuilds or renews; an answer that is lost costs so much
HOUR = 3600.0  # of skew, the scoreboard's
FLOOR_SECONDS = 5.0  # DESIGN's, after a 10028
TOO_MANY = 10028
SETTLED = 0.1  # seconds in which what was under way arrives
HUNGRY = 40  # reads that wait for the link, beside the usual ones; more would be ahead of the back-fill
RATE = 20  # ordinary requests a second that the lowest tier may send on
RESYNC_SECONDS = 0.3  # the scoreboard's
ASKED_AGAIN = (1.0, 2.0, 4.0)  # seconds: the first waits before refused channels are asked for again
TOKENS = "tokens that end; renewals refused or lost; skewed clocks"
SIGNED = Credentials(KEY.client_id, KEY.client_secret, "client_signature")


# --- 36: heartbeat


@row(36, "test_request: unanswered, rejected, while the loop is busy", BOTH)
async def test_requests(stage: Stage) -> None:
    """A test_request is answered within a second, also when the loop was busy as it came."""
    for busy in (False, True, False):
        answers = stage.exchange.ledger.requests_of("public/test")
        began = _now()
        stage.exchange.inject(Say(TEST_REQUEST))
        if busy:
            block(stage, BUSY_SECONDS)
        await stage.until(lambda: stage.exchange.ledger.requests_of("public/test") != answers)  # noqa: B023  now
        stage.recoveries.append(Recovery(_now() - began, ANSWERED_SECONDS))

    assert not stage.subject.observed.drops


@row(36, "test_request: unanswered, rejected, while the loop is busy", MEMORY)
@row(36, "test_request: unanswered, rejected, while the loop is busy", SOCKETS, most_seeds=4)
async def unanswered(stage: Stage) -> None:
    """A link on which the answer to a test_request is lost either way is given up within five seconds."""
    if stage.choose(True, False):
        stage.exchange.inject(IgnoreRequest("public/test", times=2))
    else:
        stage.links.inject(Pause(Way.UP))
    stage.exchange.inject(Say(TEST_REQUEST))
    await stage.recovers(ANSWER_SECONDS + HARD_SECONDS)


@row(36, "test_request: unanswered, rejected, while the loop is busy", MEMORY)
async def no_heartbeat(stage: Stage) -> None:
    """A link whose heartbeat is refused is kept, and a half-open one found all the same."""
    stage.exchange.inject(FailRequest("public/set_heartbeat", stage.choose(REJECTED, NOT_FOUND), None))
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS)
    await asyncio.sleep(stage.rng.uniform(0, 15))
    assert [error.code for error in ours(stage).observed.errors if hasattr(error, "code")], "not told"
    stage.links.inject(Cut(Ending.HALF_OPEN))
    stage.ghosts += 1
    began = _now()
    await asyncio.sleep(SURELY_DOWN)  # looking every 10 ms takes longer than virtual time should
    await stage.recovers(HALF_OPEN_SECONDS, since=began)


# --- 37: logins refused on a later connection


@row(37, "login refused on reconnecting, for a while or for good", BOTH)
async def login_refused_a_while(stage: Stage) -> None:
    """A login that is refused once, twice or three times on a later connection is tried again."""
    times = stage.choose(1, 2, 3)
    stage.exchange.refuse_logins((BAD_KEY, UNAUTHORIZED)[stage.seed // 3 % 2], times=times)
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS + sum(LOGIN_WAITS[:times]))

    assert not stage.subject.observed.errors, stage.subject.observed.errors


@row(37, "login refused on reconnecting, for a while or for good", MEMORY)
@row(37, "login refused on reconnecting, for a while or for good", SOCKETS, most_seeds=4)
async def login_refused(stage: Stage) -> None:
    """Refused for good, private calls raise, `on_error` hears it once, and public data goes on."""
    subject = ours(stage)
    stage.exchange.refuse_logins(stage.choose(BAD_KEY, UNAUTHORIZED))
    stage.links.inject(Cut(Ending.RST))
    await _public_again(stage, HARD_SECONDS + sum(LOGIN_WAITS))
    try:
        await subject.client.private.get_positions()
    except AuthError:
        pass
    else:
        raise AssertionError("a private call went through without a login")
    stage.links.inject(Cut(Ending.RST))
    await _public_again(stage, HARD_SECONDS)

    told = [error for error in subject.observed.errors if isinstance(error, AuthError)]
    assert len(told) == 1, f"on_error heard {told}"
    stage.exchange.allow_logins()
    if stage.layer is Layer.SOCKETS:
        stage.links.inject(Cut(Ending.RST))
        await stage.recovers(HARD_SECONDS)
    else:
        began = _now()
        await asyncio.sleep(LOGIN_AGAIN - sum(LOGIN_WAITS))
        await stage.recovers(LOGIN_AGAIN + HARD_SECONDS, drops=0, since=began)


async def _public_again(stage: Stage, bound: float) -> None:
    """Wait until the link was lost and all public data flows again."""
    observed, began = stage.subject.observed, _now()
    drops = observed.drops + 1
    await stage.until(lambda: observed.drops >= drops and stage.subject.is_up)
    traded = {name: stage.last(name) for name in stage.exchange.instruments}
    await stage.until(
        lambda: (
            all(looks.valid for looks in observed.looks.values())
            and not observed.behind(lambda name: traded.get(name, 0), tuple(traded))
        )
    )
    stage.recoveries.append(Recovery(_now() - began, bound))


# --- 38: tokens


@row(38, TOKENS, MEMORY, exchange={"token_seconds": TOKEN_SECONDS})
@row(
    38,
    TOKENS,
    SOCKETS,
    exchange={"token_seconds": TOKEN_SECONDS},
    most_seeds=3,
)
async def renewed(stage: Stage) -> None:
    """A login is renewed before it ends, without a drop, a refusal or a hole."""
    await asyncio.sleep(3 * TOKEN_SECONDS)

    times = [request.time for request in stage.exchange.ledger.requests_of("public/auth")]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert apart and max(apart) <= RENEWED_AT * TOKEN_SECONDS + 0.1, f"renewed {apart} s apart"
    assert not stage.exchange.ledger.refusals_of(UNAUTHORIZED), "it had ended"
    assert not stage.subject.observed.drops and not stage.subject.observed.errors
    await stage.recovers(RESTORE_SECONDS, drops=0)


@row(38, TOKENS, MEMORY, exchange={"token_seconds": TOKEN_SECONDS})
async def renewal_refused(stage: Stage) -> None:
    """Where the refresh token is refused the client logs in from the start, on the same link."""
    code = stage.choose(BAD_KEY, UNAUTHORIZED)
    stage.exchange.refuse_logins(code, times=1)
    await stage.until(lambda: stage.exchange.ledger.refusals_of(code))
    await stage.recovers(HARD_SECONDS, drops=0)

    assert not stage.subject.observed.drops


@row(38, TOKENS, MEMORY, exchange={"token_seconds": TOKEN_SECONDS})
@row(
    38,
    TOKENS,
    SOCKETS,
    exchange={"token_seconds": TOKEN_SECONDS},
    most_seeds=2,
)
async def renewal_lost(stage: Stage) -> None:
    """A renewal whose answer is lost, or that never arrived, costs private streams delay and no message."""
    stage.exchange.inject(IgnoreRequest("public/auth", executed=stage.choose(True, False)))
    before = len(stage.exchange.ledger.requests_of("public/auth"))
    await stage.until(lambda: len(stage.exchange.ledger.requests_of("public/auth")) > before)
    began = _now()
    await stage.until(lambda: len(stage.exchange.ledger.requests_of("public/auth")) > before + 1)
    await stage.recovers(CALL_SECONDS + HARD_SECONDS, drops=0, since=began)

    assert not stage.subject.observed.drops


@row(38, TOKENS, BOTH, exchange={"clock_offset": HOUR}, credentials=SIGNED)
@row(38, TOKENS, BOTH, exchange={"clock_offset": -HOUR}, credentials=SIGNED)
async def skewed(stage: Stage) -> None:
    """A signature is made by the exchange's clock, an hour off or not; one refusal is tried again."""
    refusals = stage.choose(0, 1)
    if refusals:
        stage.exchange.refuse_logins(BAD_KEY, times=refusals)
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS + sum(LOGIN_WAITS[:refusals]))

    assert not stage.subject.observed.errors, stage.subject.observed.errors


# --- 39: too many requests


@row(39, "10028 and the end of the session, three times", MEMORY)
@row(39, "10028 and the end of the session, three times", SOCKETS, most_seeds=2)
async def exhausted(stage: Stage) -> None:
    """After a 10028 nothing is sent for five seconds, and then no faster than the credits come back."""
    ledger, credits = stage.exchange.ledger, stage.exchange.credits
    for times in range(1, 4):
        credits.resize("requests", size=0, refill=0)
        await stage.until(lambda: len(ledger.refusals_of(TOO_MANY)) >= times)  # noqa: B023  now
        began = ledger.refusals_of(TOO_MANY)[-1].time
        await stage.until(lambda: not stage.subject.is_up)
        hungry = [asyncio.create_task(_read(stage)) for _ in range(HUNGRY)]
        credits.resize("requests", size=50_000, refill=10_000)
        await stage.recovers(FLOOR_SECONDS + HARD_SECONDS, drops=0, since=began)
        after = [request.time - began for request in ledger.requests if request.time > began + SETTLED]
        assert not after or after[0] >= FLOOR_SECONDS - SETTLED, f"sent {after[0]:.2f} s after a 10028"
        most = max(count - RATE * seconds for count, seconds in enumerate(after, start=1))
        assert most <= 0, f"{most:.0f} requests more than there were credits for"
        await asyncio.gather(*hungry)

    assert stage.subject.observed.drops == 3


async def _read(stage: Stage) -> None:
    with contextlib.suppress(DeribitError):
        await ours(stage).client.public.get_time()


# --- 40: subscriptions refused in part


@row(40, "subscribed in part, or refused as a whole", BOTH)
async def partly_subscribed(stage: Stage) -> None:
    """Channels that are left out are named, the others live, and those are asked for until they come."""
    public = sorted(channel for channel in CHANNELS if not channel.startswith("user."))
    missing = public if stage.seed % 3 == 0 else stage.rng.sample(public, stage.rng.randint(1, 3))
    stage.exchange.inject(DropChannels(*missing))
    stage.links.inject(Cut(Ending.RST))
    began = _now()
    errors = ours(stage).observed.errors
    await stage.until(lambda: stage.subject.observed.drops and stage.subject.is_up)
    stage.recoveries.append(Recovery(_now() - began, HARD_SECONDS))
    asked = stage.seed % len(ASKED_AGAIN)  # times, in vain
    await asyncio.sleep(sum(ASKED_AGAIN[:asked]) + ASKED_AGAIN[asked] / 2)
    rejected = [error for error in errors if isinstance(error, SubscriptionRejected)]
    named = [channel for error in rejected for channel in error.channels]
    assert sorted(named) == sorted(missing), f"named {sorted(named)}, and {sorted(missing)} were left out"
    assert _held(stage) == set(public) - set(missing), "others were lost too"
    stage.exchange.clear_faults()
    cleared = _now()
    await stage.until(lambda: _held(stage) == set(public))
    await stage.recovers(ASKED_AGAIN[asked] / 2 + RESYNC_SECONDS, drops=0, since=cleared)


def _held(stage: Stage) -> set[str]:
    held = stage.exchange.connections[stage.newest].channels
    return {channel for channel in held if not channel.startswith("user.")}


@row(40, "subscribed in part, or refused as a whole", BOTH)
async def refused_whole(stage: Stage) -> None:
    """A call that is refused as a whole is made in parts, or again."""
    method = stage.choose("public/subscribe", "private/subscribe")
    stage.exchange.inject(FailRequest(method, RAW_REFUSED))
    stage.links.inject(Cut(Ending.RST))
    again = ASKED_AGAIN[0] if method == "private/subscribe" else 0.0
    await stage.recovers(HARD_SECONDS + again + RESYNC_SECONDS)


def _now() -> float:
    now: float = asyncio.get_running_loop().time()
    return now
