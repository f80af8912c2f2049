"""No secret gets into a recording, and nothing else is touched."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deribit_ws.recorder.hiding import Hiding
from deribit_ws.shown import SECRETS

SECRET = "Qx7-planted/secret+of=mine"

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
names = st.text(max_size=8) | st.sampled_from(["params", "result", "data", "label", "method"])
planted = st.fixed_dictionaries({}, optional={name: st.just(SECRET) for name in SECRETS})
values = st.recursive(
    plain | planted,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def escaped(text: str, every: int) -> str:
    """Write some of the letters in names of secrets as JSON may write them."""
    for name in SECRETS:
        written = "".join(f"\\u{ord(c):04x}" if not i % every else c for i, c in enumerate(name))
        text = text.replace(f'"{name}"', f'"{written}"')
    return text


@given(values, st.integers(1, 20), st.booleans(), st.floats(0, 1))
@example({"access_token": SECRET}, 3, True, 0.99)
@example([{"client_secret": SECRET}, 1], 1, True, 0.9)
def test_no_planted_secret_survives(value: Any, every: int, is_cut: bool, where: float) -> None:
    """A secret is starred wherever it is nested, however its name is escaped, whole frame or broken off."""
    frame = escaped(json.dumps(value, separators=(",", ":")), every)
    frame = frame[: int(len(frame) * where)] if is_cut else frame
    shown = Hiding().hidden(frame)

    assert SECRET[:10] not in shown
    assert json.dumps(SECRET)[1:11] not in shown
    assert is_cut or json.loads(shown).__class__ is value.__class__


@given(st.recursive(plain, lambda inner: st.dictionaries(names, inner) | st.lists(inner), max_leaves=8))
def test_what_holds_no_secret_stays(value: Any) -> None:
    """A frame without a secret is the very frame, byte for byte, however it is spaced and escaped."""
    frame = json.dumps(value, indent=1)

    assert Hiding().hidden(frame) is frame


@pytest.mark.parametrize(
    "quoting",
    [
        '{"jsonrpc":"2.0","error":{"code":13004,"message":"no client with planted-secret-1"}}',
        '{"id":3,"result":["planted-secret-1"]}',
        '{"id":3,"result":"planted-secret-1", broken',
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"user.changes.x","data":"planted-secret-1"}}',
    ],
)
def test_a_secret_seen_once_is_starred_wherever_it_is_quoted(quoting: str) -> None:
    """What went out as a secret is starred in later frames too, under whatever name."""
    hiding = Hiding()
    hiding.hidden('{"id":1,"method":"public/auth","params":{"client_secret":"planted-secret-1"}}')

    assert "planted" not in hiding.hidden(quoting)
    assert "***" in hiding.hidden(quoting)


def test_a_secret_known_from_the_start() -> None:
    """Secrets of a login that was not recorded can be named."""
    assert Hiding(["planted-secret-1"]).hidden('{"error":"planted-secret-1?"}') == '{"error":"***?"}'


def test_a_given_secret_is_never_forgotten() -> None:
    """The secret of a key is starred however many tokens have been seen since."""
    hiding = Hiding(["planted-secret-1"])
    for number in range(100):
        hiding.hidden(f'{{"result":{{"access_token":"planted-token-{number:04}"}}}}')

    assert hiding.hidden('{"error":"planted-secret-1?"}') == '{"error":"***?"}'


def test_a_secret_that_begins_another() -> None:
    """Of two secrets the longer one is looked for first: nothing of it is left."""
    assert Hiding(["planted-", "planted-secret-1"]).hidden('"planted-secret-1"') == '"***"'


def test_a_secret_of_block_trades() -> None:
    """The signature of a block trade's other side is a secret too."""
    frame = '{"params":{"counterparty_signature":"planted-signature-1"}}'

    assert "planted" not in Hiding().hidden(frame)


def test_short_words_are_not_searched_for() -> None:
    """A token too short to be one does not star plain words."""
    hiding = Hiding()

    assert hiding.hidden('{"result":{"access_token":"a","scope":"a"}}') == (
        '{"result":{"access_token":"***","scope":"a"}}'
    )
    assert hiding.hidden('{"result":"an apple"}') == '{"result":"an apple"}'


def test_secrets_are_not_remembered_without_end() -> None:
    """A login an hour for a year leaves a bounded memory."""
    hiding = Hiding()
    for number in range(1000):
        hiding.hidden(f'{{"result":{{"access_token":"planted-token-{number:04}"}}}}')

    assert hiding.hidden('"planted-token-0000"') == '"planted-token-0000"'
    assert hiding.hidden('"planted-token-0999"') == '"***"'


def test_a_frame_too_deep_to_be_parsed() -> None:
    """A frame nobody can take apart is written up to the first secret's name."""
    frame = "[" * 10_000 + '{"access_token":"planted-secret-1"}' + "]" * 10_000

    assert Hiding().hidden(frame) == "[" * 10_000 + '{"access_token***'


def test_market_data_with_a_suspicious_word_stays() -> None:
    """A notification that only mentions a token is not written anew."""
    frame = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"announcements","data":"_token"}}'

    assert Hiding().hidden(frame) is frame
