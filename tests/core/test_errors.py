"""The tree of exceptions, what they say, and which of them each of Deribit's codes becomes."""

import pytest

from deribit_ws import errors
from deribit_ws.errors import (
    AuthError,
    BookGap,
    CallError,
    CallTimeout,
    ConnectFailed,
    ConnectionLost,
    DeribitError,
    DuplicateOrder,
    OrderNotPlaced,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    RequestNotSent,
    Retry,
    RpcError,
    ScopeReduced,
    SlowConsumer,
    SubscriptionRejected,
    TransportError,
    UsageError,
    WireError,
)
from deribit_ws.protocol import rpc_error
from deribit_ws.wire.codec import ErrorBody

TREE = {
    DeribitError: Exception,
    UsageError: DeribitError,
    TransportError: DeribitError,
    ConnectFailed: TransportError,
    ConnectionLost: TransportError,
    ProtocolError: DeribitError,
    WireError: ProtocolError,
    CallError: DeribitError,
    RpcError: CallError,
    AuthError: RpcError,
    RateLimited: RpcError,
    ScopeReduced: CallError,
    CallTimeout: CallError,
    RequestNotSent: CallError,
    OutcomeUnknown: CallError,
    OrderNotPlaced: CallError,
    DuplicateOrder: CallError,
    SubscriptionRejected: DeribitError,
    BookGap: DeribitError,
    SlowConsumer: DeribitError,
}


def test_tree() -> None:
    """Every exception has its place in the documented tree, and there is no other."""
    exceptions = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    }

    assert exceptions == set(TREE)
    assert {kind: kind.__bases__[0] for kind in exceptions} == TREE
    assert issubclass(CallTimeout, TimeoutError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionLost(1006), "connection lost (1006)"),
        (ConnectionLost(4000, "heartbeat close"), "connection lost (4000: heartbeat close)"),
        (RpcError(10009, "not_enough_funds", None, "private/buy"), "private/buy: 10009 not_enough_funds"),
        (
            RpcError(10007, "price_too_high", None, "private/buy", "price_too_high 43666.4"),
            "private/buy: 10007 price_too_high 43666.4",
        ),
        (RpcError(11050, "bad_request", "invalid json"), "exchange: 11050 bad_request invalid json"),
        (SubscriptionRejected(["a.b", "c.d"], ["e.f"]), "the exchange did not subscribe a.b, c.d"),
        (BookGap(5, 7), "book gap: expected prev_change_id 5, received 7"),
        (SlowConsumer("a.b", 3), "slow consumer on a.b: 3 not delivered"),
        (CallTimeout("public/test: no answer", method="public/test"), "public/test: no answer"),
        (WireError("not JSON", b"{", "a.b"), "not JSON on a.b: b'{'"),
    ],
)
def test_words(error: DeribitError, text: str) -> None:
    """An error says in one line what happened, to which call or channel."""
    assert str(error) == text


def test_rejected_why() -> None:
    """Where the exchange gave a reason for leaving a channel out, the words have it."""
    rejected = SubscriptionRejected(["user.lock"])
    rejected.__cause__ = RpcError(13009, "unauthorized", None, "private/subscribe")

    assert str(rejected) == "the exchange did not subscribe user.lock: private/subscribe: 13009 unauthorized"


def test_fields() -> None:
    """What a program needs to decide is a field, never only a word."""
    lost = ConnectionLost(1001, "bye", OSError())
    failed = ConnectFailed("HTTP 429", status=429, retry_after=5.0)
    answer = RpcError(-32602, "Invalid params", {"param": "a"}, "public/ticker")
    rejected = SubscriptionRejected(["a"], ["b"])

    assert (lost.code, lost.reason, type(lost.cause)) == (1001, "bye", OSError)
    assert (failed.status, failed.retry_after, failed.retryable) == (429, 5.0, True)
    assert not ConnectFailed("TLS", retry=Retry.NEVER).retryable
    assert (answer.code, answer.name, answer.data, answer.method) == (
        -32602,
        "Invalid params",
        {"param": "a"},
        "public/ticker",
    )
    assert (rejected.channels, rejected.accepted) == (("a",), ("b",))


def test_raw_is_shortened() -> None:
    """A frame that can't be understood is shown by its first bytes: it may be megabytes, with secrets."""
    error = WireError("not JSON", b"x" * 10_000_000)

    assert len(error.raw) == 200
    assert len(str(error)) < 300


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "client_secret", "signature"])
def test_secrets_are_starred(name: str) -> None:
    """A bad frame shows that a secret was in it, never which."""
    error = WireError("not a result", f'{{"result":{{"{name}" : "T0PSECRET'.encode())

    assert b"T0PSECRET" not in error.raw
    assert name in str(error)


@pytest.mark.parametrize(
    "error",
    [
        WireError("not JSON", b"\r\n\x1b[31m"),
        WireError("no data", b"{}", "a\nERROR forged"),
        RpcError(1, "x\ny", "a\r\nb", "private/buy"),
        ConnectionLost(1008, "reason\nERROR forged"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_one_line(error: DeribitError) -> None:
    """Whatever the peer wrote, a message stays one printable line of a log."""
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("message", "figures"),
    [
        ("price_too_high 43666.4288", (43666.4288,)),
        ("price_too_low4idx 3e-05", (3e-05,)),
        ("no_more_triggers 10", (10.0,)),
        ("between -1 and +2.5", (-1.0, 2.5)),
        ("not_enough_funds", ()),
        ("BTC-27MAR26 v2", ()),
    ],
)
def test_figures(message: str, figures: tuple[float, ...]) -> None:
    """The numbers in a message are kept, and can be read as numbers; those inside a word are no figures."""
    error = RpcError(10007, "price_too_high", None, "private/buy", message)

    assert error.message == message
    assert error.figures == figures


# --- Deribit's codes, of which tests/wire/test_error_codes.py has the table


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        (10009, RpcError, "not_enough_funds"),
        (10028, RateLimited, "too_many_requests"),
        (13004, AuthError, "invalid_credentials"),
        (13009, AuthError, "unauthorized"),
        (13778, AuthError, "raw_subscriptions_not_available_for_unauthorized"),
        (-32602, RpcError, "invalid_params"),
        (13028, RpcError, "temporarily_unavailable"),
        (99999, RpcError, "brand_new 5"),
    ],
)
def test_class_by_code(code: int, kind: type[RpcError], name: str) -> None:
    """Deribit's number decides the class and the name; the message keeps its figures."""
    error = rpc_error(ErrorBody(code, "brand_new 5", {"reason": "x"}), "private/buy")

    assert type(error) is kind
    assert (error.name, error.message, error.data, error.method) == (
        name,
        "brand_new 5",
        {"reason": "x"},
        "private/buy",
    )
