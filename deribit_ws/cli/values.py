"""What a word on the command line stands for: seconds, durations, sizes, speeds, ports.

Knows: how each is written, and its limits. Must not know: which option it belongs to, nor what is
done with it. `arguments` names these as types; each raises argparse's own error, one line long.
"""

import math
import re
from argparse import ArgumentTypeError
from typing import NamedTuple

MOST_DEMO_SECONDS = 55  # with its closing account the demo stays below a minute
LEAST_DEMO_SECONDS = 6  # below it five drops and their recovery do not fit
LONGEST = 10 * 365 * 86_400.0  # seconds: what any timer here can count
LEAST_SPEED = 0.001  # below it a second takes a quarter of an hour: a slip, not a wish

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(kB|MB|GB)", re.IGNORECASE)
_SECONDS_IN = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BYTES_IN = {"kb": 10**3, "mb": 10**6, "gb": 10**9}


class Rotation(NamedTuple):
    """When a recording begins a new file: after so many bytes, or seconds."""

    bytes: int | None = None
    seconds: float | None = None


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"not a whole number: {text!r}") from None


def port(text: str) -> int:
    """A TCP port; 0 is any."""
    number = whole(text)
    if not 0 <= number <= 65535:
        raise ArgumentTypeError(f"not a port: {text!r} (0 to 65535)")
    return number


def host(text: str) -> str:
    """An address to listen at."""
    if not text.strip():
        raise ArgumentTypeError("no host: it would listen at every address of this machine")
    return text


def path(text: str) -> str:
    """The name of a file or folder."""
    if not text:
        raise ArgumentTypeError("an empty name")
    return text


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= LONGEST:
        raise ArgumentTypeError(f"not a number of seconds above 0: {text!r}")
    return number


def demo_seconds(text: str) -> float:
    """How long the demo may take."""
    number = seconds(text)
    if not LEAST_DEMO_SECONDS <= number <= MOST_DEMO_SECONDS:
        raise ArgumentTypeError(f"{text}: between {LEAST_DEMO_SECONDS} and {MOST_DEMO_SECONDS}")
    return number


def duration(text: str) -> float:
    """Seconds, written with their unit: 90s, 15m, 1.5h, 2d."""
    number = _duration(text)
    if number is None:
        raise ArgumentTypeError(f"not a duration above 0: {text!r} (90s, 15m, 1.5h, 2d)")
    return number


def rotation(text: str) -> Rotation:
    """A duration, or a size: 500kB, 100MB, 2GB."""
    if (number := _duration(text)) is not None:
        return Rotation(seconds=number)
    written = _SIZE.fullmatch(text)
    size = int(float(written[1]) * _BYTES_IN[written[2].lower()]) if written else 0
    if not size:
        raise ArgumentTypeError(f"neither a duration nor a size above 0: {text!r} (1h, 15m; 100MB, 2GB)")
    return Rotation(bytes=size)


def speed(text: str) -> float:
    """How many times as fast as it was recorded, above 0; max is infinite: as fast as it is taken."""
    if text == "max":
        return math.inf
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not LEAST_SPEED <= number < math.inf:
        raise ArgumentTypeError(f"not a speed above 0: {text!r} (1, 0.5, 10, max)")
    return number


def _duration(text: str) -> float | None:
    written = _DURATION.fullmatch(text)
    number = float(written[1]) * _SECONDS_IN[written[2]] if written else 0.0
    return number if 0 < number <= LONGEST else None
