"""What may be typed after the commands on recordings, and what their `--help` says."""

import math
from argparse import ArgumentTypeError

import pytest

from deribit_ws.cli.values import Rotation, duration, rotation, speed
from tests.cli.conftest import Run


@pytest.mark.parametrize("command", ["record", "replay", "export", "simulate", "monitor"])
def test_help_fits_a_terminal(in_place: Run, command: str) -> None:
    """`--help` gives examples and exit statuses within 80 columns, and ends with status 0."""
    ended = in_place(command, "--help")

    assert (ended.status, ended.err) == (0, "")
    assert "examples:" in ended.out and "exit status:" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize("command", [None, "demo", "tail", "call", "monitor", "record", "replay", "export"])
def test_help_is_ascii(in_place: Run, command: str | None) -> None:
    """`--help` can be read on a terminal that has nothing but ASCII."""
    ended = in_place(*([command] if command else []), "--help")

    assert ended.status == 0 and ended.out.isascii()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("15m", 900.0), ("1h", 3600.0), ("1.5h", 5400.0), ("2d", 172_800.0)]
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number and its unit."""
    assert duration(text) == seconds
    assert rotation(text) == Rotation(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500kB", 500_000), ("100MB", 100_000_000), ("1.5GB", 1_500_000_000), ("2mb", 2_000_000)],
)
def test_sizes(text: str, size: int) -> None:
    """A size is a number and its unit, of a thousand each."""
    assert rotation(text) == Rotation(bytes=size)


@pytest.mark.parametrize(("text", "factor"), [("1", 1.0), ("0.5", 0.5), ("10", 10.0), ("max", math.inf)])
def test_speeds(text: str, factor: float) -> None:
    """A speed is a factor, or max."""
    assert speed(text) == factor


@pytest.mark.parametrize(
    "text", ["", "0s", "1", "h", "-1h", "1 h", "1h30m", "1w", "nan", "1e9d", "9" * 400 + "d"]
)
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused, with what may be said instead."""
    with pytest.raises(ArgumentTypeError, match="90s"):
        duration(text)


@pytest.mark.parametrize("text", ["", "0MB", "100", "100 MB", "MB", "-1GB", "1TB", "0.0001kB", "1MiB"])
def test_what_is_no_size(text: str) -> None:
    """A size without a unit, or of nothing, is refused."""
    with pytest.raises(ArgumentTypeError, match="100MB"):
        rotation(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e-9", "MAX", "10x"])
def test_what_is_no_speed(text: str) -> None:
    """A speed that would never come to an end, or is none, is refused."""
    with pytest.raises(ArgumentTypeError, match="max"):
        speed(text)
