"""Who hears what, how often, in which order, and what a failure to decode means for the others."""

import functools
from typing import Any

import msgspec
import pytest

from deribit_ws import router as router_module
from deribit_ws.router import Form, Router
from deribit_ws.wire.market import Ticker
from tests.core.counting import calls_made
from tests.core.recording import Ear, entry, listen, live

TICKER = b'{"timestamp":1,"instrument_name":"BTC-PERPETUAL","mark_price":2}'
HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'


def test_route_is_found_once() -> None:
    """A channel's route is found at its first message and kept."""
    ear = Ear()
    router, _ = listen(ear, to="ticker.*.raw")
    for _ in range(3):
        router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)

    assert (ear.binds, len(ear.heard)) == (1, 3)


@pytest.mark.parametrize("pattern", ["ticker.*.raw", "ticker.BTC-PERPETUAL.raw"])
def test_added_while_running(pattern: str) -> None:
    """A consumer added or removed between two messages counts from the next one on."""
    first, second = Ear(), Ear()
    router, _ = listen(first)
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)
    late = entry(pattern, second)
    router.add(late)
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)
    router.remove(late)
    router.remove(late)
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)

    assert (len(first.heard), len(second.heard)) == (3, 1)


def test_removed_to_the_last() -> None:
    """A channel nobody wants any more is still looked at, so that garbage on it is told."""
    router = Router(print)
    only = entry("a.b", Ear())
    router.add(only)
    router.remove(only)
    router.notify(b"a.b", b"{}")

    with pytest.raises(msgspec.DecodeError):
        router.notify(b"a.b", b"{")


def test_order_of_registration() -> None:
    """Consumers are called in the order they came, whatever their pattern and form."""
    log: list[Any] = []

    class Named(Ear):
        def bind(self, channel: str, values: Any, family: Any, *, recovered: bool = False) -> Any:
            return lambda payload, size: log.append(self)

    wanted = [
        Named(form) for form in (Form.BYTES, Form.TYPED, Form.PLAIN, Form.TYPED, Form.BYTES) for _ in (1, 2)
    ]
    router = Router(print)
    for number, consumer in enumerate(wanted):
        router.add(entry("ticker.BTC-PERPETUAL.raw" if number % 2 else "ticker.>", consumer))
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)

    assert log == wanted


def test_heard_once() -> None:
    """A consumer of several patterns that mean one channel gets each message once."""
    ear = Ear()
    router = Router(print)
    for pattern in ("ticker.BTC-PERPETUAL.raw", "ticker.>", "*.BTC-PERPETUAL.raw"):
        router.add(entry(pattern, ear))
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)

    assert len(ear.heard) == 1


def test_forms() -> None:
    """Each form is what it says, and consumers of one form share one value."""
    typed, same, plain, raw = Ear(Form.TYPED), Ear(Form.TYPED), Ear(Form.PLAIN), Ear(Form.BYTES)
    router, _ = listen(typed, plain, raw, same)
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)
    payload = typed.heard[0][1]

    assert isinstance(payload, Ticker)
    assert same.heard[0][1] is payload
    assert plain.heard[0][1] == {"timestamp": 1, "instrument_name": "BTC-PERPETUAL", "mark_price": 2}
    assert raw.heard[0][1] == TICKER


def test_a_single_one_in_a_list() -> None:
    """Where a list is promised and one object may come, a typed consumer is given a list of one."""
    typed, plain = Ear(), Ear(Form.PLAIN)
    router, _ = listen(typed, plain)
    order = b'{"direction":"buy","instrument_name":"A","order_id":"1","order_state":"open"}'
    router.notify(b"user.orders.any.any.100ms", order)

    assert [type(payload) for _, payload in typed.heard] == [list]
    assert plain.heard[0][1]["order_id"] == "1"


def test_decoded_once_per_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many consumers, data is decoded once for each form."""
    decoded: list[Form] = []
    real = router_module._decoder

    def counting(form: Form, family: Any) -> Any:
        decode = real(form, family)

        def count(data: bytes) -> Any:
            decoded.append(form)
            return decode(data)

        return count

    monkeypatch.setattr(router_module, "_decoder", counting)
    router, _ = listen(*(Ear(form) for form in (Form.TYPED, Form.PLAIN, Form.TYPED, Form.PLAIN)))
    router.notify(b"ticker.BTC-PERPETUAL.raw", TICKER)

    assert decoded == [Form.TYPED, Form.PLAIN]


@pytest.mark.parametrize(
    "order", [(Form.TYPED, Form.PLAIN, Form.BYTES), (Form.BYTES, Form.PLAIN, Form.TYPED)]
)
def test_misfit(order: tuple[Form, ...]) -> None:
    """Data of the wrong shape reaches once those who take it as it is, and is told once as garbage."""
    ears = {form: Ear(form) for form in order}
    protocol, told = live(listen(*ears.values())[0].notify)
    protocol.receive(HEAD + b'quote.BTC-PERPETUAL","data":{"timestamp":"x"}}}')

    assert {form: len(ear.heard) for form, ear in ears.items()} == {
        Form.TYPED: 0,
        Form.PLAIN: 1,
        Form.BYTES: 1,
    }
    assert told.events == [("garbage", "quote.BTC-PERPETUAL")]


def test_broken_behind_what_is_skipped() -> None:
    """Data that one form accepts and another can't decode is delivered once, and told once."""
    ears = {form: Ear(form) for form in Form}
    protocol, told = live(listen(*ears.values())[0].notify)
    protocol.receive(
        HEAD + b'ticker.X.raw","data":{"timestamp":1,"instrument_name":"X","mark_price":2,"new":1e999}}}'
    )

    assert {form: len(ear.heard) for form, ear in ears.items()} == {
        Form.TYPED: 1,
        Form.PLAIN: 0,
        Form.BYTES: 1,
    }
    assert told.events == [("garbage", "ticker.X.raw")]


@pytest.mark.parametrize("form", Form)
def test_not_one_value(form: Form) -> None:
    """Data that is not one JSON value calls nobody, whatever form is wanted."""
    ear = Ear(form)
    router, _ = listen(ear)
    for data in (b"", b"{", b"{}{}", b'{"timestamp":"x"},"label":"y"', b"[" * 100_000):
        with pytest.raises((msgspec.DecodeError, RecursionError)) as caught:
            router.notify(b"ticker.X.raw", data)

        assert not isinstance(caught.value, msgspec.ValidationError)
    assert ear.heard == []


def test_no_name() -> None:
    """A channel that is no name makes no route and no warning: it could forge a line of the log."""
    ear = Ear()
    router, unknown = listen(ear)
    with pytest.raises(msgspec.DecodeError):
        router.notify(b"a\nb", b"{}")
    with pytest.raises(UnicodeDecodeError):
        router.notify(b"\xff", b"{}")

    assert (ear.binds, unknown) == (0, [])


def test_unknown_family() -> None:
    """A family nobody knows arrives as plain values, with one warning for all its channels."""
    ear = Ear(Form.TYPED)
    router, unknown = listen(ear)
    for channel in (b"novel.a", b"novel.b", b"novel.a", b"ticker.X.raw"):
        router.notify(channel, TICKER)

    assert unknown == ["novel.a"]
    assert ear.heard[0] == ("novel.a", {"timestamp": 1, "instrument_name": "BTC-PERPETUAL", "mark_price": 2})


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that makes up channels can't fill the memory, nor slow the real ones for ever."""
    monkeypatch.setattr(router_module, "_CACHED", 8)
    monkeypatch.setattr(router_module, "_WARNED", 8)
    ear = Ear()
    router, unknown = listen(ear)
    for n in range(100):
        router.notify(b"made.up.%d" % n, b"1")
        router.notify(b"another%d" % n, b"1")
    binds = ear.binds
    for _ in range(10):
        router.notify(b"ticker.X.raw", TICKER)

    assert ear.binds - binds <= 2
    assert len(router.routes) <= 8
    assert len(unknown) <= 8
    assert len(ear.heard) == 210


def test_thousands_of_patterns() -> None:
    """Thousands of registrations cost neither a message nor a new channel more than one does."""

    def cost(others: int) -> int:
        router = Router(print)
        ears = [Ear(Form.BYTES) for _ in range(others)]
        for number, ear in enumerate(ears):
            router.add(entry(f"book.X{number}.raw", ear))

        def three_messages() -> None:
            for _ in range(3):
                router.notify(b"book.X0.raw", b"{}")

        calls = calls_made(three_messages)
        assert len(ears[0].heard) == 3
        return calls

    assert cost(10_000) == cost(1)


def test_consumer_may_change_routes() -> None:
    """A callback may register and cancel while it is called."""
    router = Router(print)
    late = Ear()

    class Restless(Ear):
        def bind(self, channel: str, values: Any, family: Any, *, recovered: bool = False) -> Any:
            def receive(payload: Any, size: int) -> None:
                router.remove(mine)
                router.add(entry("ticker.>", late))

            return receive

    mine = entry("ticker.X.raw", Restless())
    router.add(mine)
    call = functools.partial(router.notify, b"ticker.X.raw", TICKER)
    call()
    assert late.heard == []

    call()

    assert len(late.heard) == 1
