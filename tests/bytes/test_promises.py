"""The promises about bytes under chance of our own: every machine has it, and it takes seconds.

`python -m tests.bytes` puts the same promises to a guided fuzzer, for a million inputs.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bytes import link_end
from tests.bytes.promises import PROMISES, Promise


@pytest.fixture(autouse=True)
def _no_loop_is_left() -> Iterator[None]:
    yield
    link_end.close()


def changed(promise: Promise) -> st.SearchStrategy[bytes]:
    """A seed with some pieces of it replaced, or anything at all."""
    piece = st.one_of(
        st.binary(max_size=6), st.sampled_from([*promise.words, b"", b"null", b"\xff", b'"', b"}"])
    )
    cuts = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 40), piece), max_size=4)

    def cut(seed: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
        for at, size, new in cuts:
            place = at % (len(seed) + 1)
            seed = seed[:place] + new + seed[place + size :]
        return seed

    return st.one_of(st.builds(cut, st.sampled_from(promise.seeds), cuts), st.binary(max_size=300))


@pytest.mark.parametrize("name", PROMISES)
def test_promise(name: str) -> None:
    """Whatever bytes come, the promise holds."""
    promise = PROMISES[name]
    check = promise.make()
    for seed in promise.seeds:
        check(seed)

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(changed(promise))
    def holds(data: bytes) -> None:
        check(data)

    holds()
