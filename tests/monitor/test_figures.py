"""Figures and charts: short, aligned, and drawn to scale."""

import pytest

from deribit_ws.monitor.chart import drawn
from deribit_ws.monitor.figures import aligned, axis, compact, ms, price, rate, signed, span


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (ms(None), "-"),
        (ms(0.00031), "0.3 ms"),
        (ms(0.25), "250 ms"),
        (ms(1.5), "1.50 s"),
        (ms(-0.02), "-20 ms"),
        (signed(None), "-"),
        (signed(0.02), "+20 ms"),
        (signed(-0.02), "-20 ms"),
        (span(None), "-"),
        (span(9.94), "9.9 s"),
        (span(59.4), "59 s"),
        (span(754), "12:34"),
        (span(3_725), "1:02:05"),
        (span(300_000), "3 d 11:20"),
        (rate(9.96), "10.0"),
        (rate(20_000.4), "20,000"),
        (price(None), "-"),
        (price(50_123.25), "50,123.25"),
        (price(1e-5), "0.00001"),
        (price(0.1 + 0.2), "0.3"),
        (price(1e300), f"{1e300:,.0f}"),
        (compact(0.0015), "0.0015"),
        (compact(12_340), "12,340"),
        (compact(1_234_567), "1.23M"),
        (compact(2e9), "2.00G"),
    ],
)
def test_figures(shown: str, expected: str) -> None:
    """Times, rates, prices and amounts are shown as people write them, a dash where there is none."""

    assert shown == expected


def test_prices_are_aligned() -> None:
    """Prices that stand below each other have as many decimals as the finest needs."""

    assert aligned([50_000.0, 49_999.5, 3.25]) == ["50,000.00", "49,999.50", "3.25"]
    assert aligned([]) == []


def test_axis_is_as_fine_as_its_range() -> None:
    """A scale's ends have the decimals that tell them apart, no more."""

    assert axis(49_966.2122, 50_030.9465) == ("49,966.2", "50,030.9")
    assert axis(0.00012, 0.00017) == ("0.0001200", "0.0001700")
    assert axis(5.0, 5.0) == ("5", "5")


def test_chart_is_drawn_to_scale() -> None:
    """The lowest point stands on the lowest line, the highest on the top, the newest at the right edge."""

    assert drawn([1.0, 2.0, 3.0], 1.0, 3.0, 4, 3, is_ascii=True) == ["   *", "  * ", " *  "]
    assert drawn([1.0, 3.0], 1.0, 3.0, 2, 3, is_ascii=True) == [" *", " *", "* "], "a jump is closed up"
    assert drawn([9.0, 1.0, None, 3.0], 1.0, 3.0, 3, 2, is_ascii=True) == ["  *", "*  "], "a hole stays one"
    assert drawn([2.0, 2.0], 2.0, 2.0, 2, 3, is_ascii=True) == ["  ", "**", "  "], "no range: in the middle"


def test_chart_in_braille_has_eight_dots_to_a_character() -> None:
    """Two points stand in each column, four steps in each line."""

    assert drawn([1.0, 4.0], 1.0, 4.0, 1, 1, is_ascii=False) == [chr(0x2800 + 0x40 + 0x08 + 0x10 + 0x20)]
    assert drawn([5.0], 5.0, 5.0, 3, 1, is_ascii=False)[0][:2] == "  "
