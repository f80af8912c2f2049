"""The screens: what stands on them, and that they fit whatever the terminal."""

import itertools
from dataclasses import replace

import pytest

pytest.importorskip("rich")

from deribit_ws import State
from deribit_ws.monitor import Chart, Health, Ladder
from deribit_ws.monitor.layout import HEAD, PANEL_LINES, grid, shares
from tests.monitor.scenes import BOOK, INDEX, TICKER, drawn, row, scene, stats

SMALL, LARGE = (80, 24), (200, 50)
MANY = scene(
    rows=(*(row(f"ticker.BTC-27DEC24-{n}000-C.100ms") for n in range(60)), row(INDEX, Health.STALE)),
    ladders=(Ladder(BOOK, False, (), ()),) * 7,
    charts=(Chart(TICKER, (None, 0.00012345, None)),) * 9,
    stats=stats(last_drops=stats().last_drops * 10),
    notes=("a note of more than two hundred characters " * 5,) * 3,
)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_screen_says_how_the_feed_is(size: tuple[int, int]) -> None:
    """One screen holds the connection, its figures, each channel, the book, the chart and the drops."""
    screen = drawn(scene(), *size)
    lines = screen.splitlines()

    assert lines[0].split()[:3] == ["deribit-ws", "monitor", "wss://www.deribit.com/ws/api/v2"]
    assert "watching 1:02:05" in lines[0]
    assert lines[1].startswith("● connected 12:34") and "link 3, 3 channels, 30.0 msg/s" in lines[1]
    assert lines[2].rstrip() == "round trip 12 ms  clock +250 ms  lag 12 ms  credits 96  trading credits 19"
    assert lines[3] == "─" * size[0]
    assert lines[4].split()[:6] == ["channel", "state", "msg/s", "age", "lag", "gaps"]
    assert [line.split()[:2] for line in lines[5:8]] == [[BOOK, "ok"], [TICKER, "ok"], [INDEX, "STALE"]]
    assert "2" in lines[5].split() and "-" in lines[6].split()
    assert "valid" in lines[9] and "50,000.0 50,000.5" in screen and "50,016" in lines[9 + 1]
    assert "drops 2 (reset 1, close_1001 1)  dials failed 4  gaps 2" in screen
    assert "1001 maintenance, after 1:06:40" in screen and "recovering" in screen
    assert "1006 connection reset by peer, after 1:01" in screen and "back in 250 ms" in screen
    assert lines[-1].strip() == "12:00:01 something happened"


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("snapshot", [scene(), MANY], ids=["usual", "crowded"])
def test_screen_is_filled_and_not_overflown(size: tuple[int, int], snapshot: object) -> None:
    """The usual and the crowded screen have exactly the terminal's lines, none wider than it."""
    lines = drawn(snapshot, *size).splitlines()  # type: ignore[arg-type]  # a parameter has no type

    assert len(lines) == size[1]
    assert max(map(len, lines)) == size[0]


@pytest.mark.parametrize("snapshot", [scene(), MANY], ids=["usual", "crowded"])
def test_no_size_is_too_small(snapshot: object) -> None:
    """Whatever the size, nothing is wider or higher than the terminal."""
    for width, height in itertools.product((1, 2, 7, 19, 38, 41, 79, 123, 250), (1, 4, 9, 15, 33, 70)):
        lines = drawn(snapshot, width, height).splitlines()  # type: ignore[arg-type]  # as above

        assert len(lines) <= height and max(map(len, lines)) <= width, (width, height)


def test_a_large_screen_shows_more() -> None:
    """Beyond 80 columns prices and counts of messages stand beside the channels, and more panels."""
    small, large = drawn(MANY, *SMALL), drawn(MANY, *LARGE)

    assert "12,345" in large and "12,345" not in small
    assert small.count("INVALID") < large.count("INVALID")


def test_trouble_is_shown_first() -> None:
    """Where not all channels can be shown, one in trouble is, and how many are left out is said."""
    screen = drawn(MANY, *SMALL)

    assert INDEX in screen and "STALE" in screen
    assert "more channels" in screen


def test_a_book_that_is_not_valid_shows_no_levels() -> None:
    """An invalid book is marked so, and not one price of it is shown."""
    screen = drawn(scene(ladders=(Ladder(BOOK, False, (), ()),), rows=(row(BOOK, Health.INVALID),)), *SMALL)

    assert screen.count("INVALID") == 2
    assert "50,000.5" not in screen


def test_a_lost_link_is_told() -> None:
    """While there is no link the state stands in its place, and figures nobody has are dashes."""
    lost = stats(state=State.CONNECTING, uptime=None, round_trip=None, clock_offset=None)
    lines = drawn(scene(stats=lost), *SMALL).splitlines()

    assert lines[1].startswith("○ connecting")
    assert lines[2].startswith("round trip -  clock -  lag ~12 ms"), "the lag is doubtful without an offset"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no-such-encoding"])
def test_ascii_where_there_is_no_more(encoding: str) -> None:
    """A terminal whose encoding has no braille gets a screen of ASCII."""
    screen = drawn(scene(), *SMALL, encoding=encoding)

    assert screen.isascii()
    assert "***" in screen and "* connected" in screen


def test_text_of_the_exchange_is_harmless() -> None:
    """Escapes, markup and line ends in what the exchange says are shown, not obeyed."""
    drop = replace(stats().last_drops[0], reason="\x1b[31m[bold]no\n\u202eend")
    lines = drawn(scene(stats=stats(last_drops=(drop,))), *SMALL).splitlines()

    assert len(lines) == SMALL[1]
    assert any(r"\x1b[31m[bold]no\x0a\u202eend" in line for line in lines)


def test_wide_characters_do_not_overflow() -> None:
    """A reason in characters of two columns is cut by columns."""
    rich = pytest.importorskip("rich.cells")
    drop = replace(stats().last_drops[0], reason="維" * 100)
    lines = drawn(scene(stats=stats(last_drops=(drop,))), *SMALL).splitlines()

    assert max(map(rich.cell_len, lines)) == SMALL[0]


@pytest.mark.parametrize("height", range(60))
def test_shares_add_up(height: int) -> None:
    """The parts with their headers never take more lines than there are, and all of them from 16 on."""
    share = shares(height, channels=40, panels=3, drops=9, notes=3)
    heads = HEAD + 1 + (2 if share.drops else 0) + (1 if share.panels else 0)

    assert heads + share.channels + share.panels + share.drops + share.notes <= max(height, HEAD + 1)
    if height >= 20:
        assert share.drops and share.notes and share.channels >= 3 and share.panels >= PANEL_LINES


@pytest.mark.parametrize(
    ("width", "lines", "panels", "expected"),
    [(80, 7, 2, (2, 1)), (80, 7, 9, (2, 1)), (200, 7, 9, (5, 1)), (200, 30, 9, (5, 2)), (20, 30, 2, (1, 2))],
)
def test_grid(width: int, lines: int, panels: int, expected: tuple[int, int]) -> None:
    """Panels stand beside each other as far as they fit, then below each other."""

    assert grid(width, lines, panels) == expected
