"""What a process uses up: memory, descriptors, tasks, processor time; and whether any of it grows.

Knows /proc, the allocator's count and least squares. Must not know what the process does. The soak runs
read these every so often, and judge the slopes at the end.
"""

import asyncio
import contextlib
import ctypes
import gc
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PAGE_BYTES = resource.getpagesize()
MIB = 1 << 20
MOST_RSS_SLOPE = 1.0 * MIB  # bytes for each 1,000 drops: invariant G7
# Blocks of the allocator for each 1,000 drops: the same 1 MiB, were each of 128 bytes, as is usual here.
MOST_BLOCK_SLOPE = MIB / 128
MOST_FDS_APART = 4  # a link on its way out, its successor, and a resolver's pair


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading; `at` is what the slope is told against: drops, or thousands of messages."""

    at: float
    rss: int  # bytes
    blocks: int  # of the interpreter's allocator
    fds: int
    tasks: int
    cpu: float  # seconds, this process, since it began

    def __str__(self) -> str:
        return (
            f"RSS {self.rss / MIB:6.1f} MiB, {self.blocks:7d} blocks, {self.fds} descriptors, "
            f"{self.tasks} tasks, CPU {self.cpu:.1f} s"
        )


def sample(at: float) -> Sample:
    """Read everything, once what is garbage is gone, and the allocator has given back what it can."""
    gc.collect()
    _trim()
    return Sample(at, _rss(), sys.getallocatedblocks(), open_files(), len(asyncio.all_tasks()), cpu_seconds())


def _trim() -> None:
    """Have glibc give back what is free: what it keeps wanders by a MiB, as much as the slope looked for."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _rss() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1] if Path("/proc/self/statm").exists() else "0"
    return int(pages) * PAGE_BYTES


def open_files() -> int:
    """Count the descriptors of this process; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) - 1 if folder.is_dir() else 0  # one lists the folder


def cpu_seconds() -> float:
    """Give the processor time that this process has had."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Give the slope of the straight line through points that fits best; 0.0 for less than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


@dataclass
class Course:
    """All samples of a run.

    Args:
        per: what a slope is told for, in units of `Sample.at`: 1,000 drops.
    """

    per: float = 1000.0
    samples: list[Sample] = field(default_factory=list)

    @property
    def later(self) -> list[Sample]:
        """The second half: caches, pools and the interpreter's own tables are warm by then."""
        return self.samples[len(self.samples) // 2 :]

    def slope(self, name: str) -> float:
        """Give by how much something grew for each `per`, in the second half."""
        return slope([(one.at, getattr(one, name)) for one in self.later]) * self.per

    def cost(self) -> tuple[float, float]:
        """Give the processor seconds for each `per`, in the first half and in the second."""
        first, middle, last = self.samples[0], self.later[0], self.samples[-1]
        return tuple(  # type: ignore[return-value]  # two of them
            (b.cpu - a.cpu) / max(b.at - a.at, 1e-9) * self.per for a, b in ((first, middle), (middle, last))
        )

    def faults(self) -> list[str]:
        """Say what grows that should not, in words; nothing when all is flat."""
        if len(self.later) < 3:
            return ["too few samples to tell whether anything grows"]
        faults = []
        if (grown := self.slope("rss")) > MOST_RSS_SLOPE:
            faults.append(f"memory grows by {grown / MIB:.2f} MiB for each {self.per:g}")
        if (grown := self.slope("blocks")) > MOST_BLOCK_SLOPE:
            faults.append(f"{grown:.0f} blocks more for each {self.per:g}")
        fds = [one.fds for one in self.later]
        if max(fds) - min(fds) > MOST_FDS_APART:
            faults.append(f"descriptors between {min(fds)} and {max(fds)}")
        return faults

    def __str__(self) -> str:
        if len(self.samples) < 2:
            return "too few samples for a slope"
        early, late = self.cost()
        return (
            f"slope for each {self.per:g}, second half of {len(self.samples)} samples: "
            f"RSS {self.slope('rss') / MIB:+.3f} MiB, blocks {self.slope('blocks'):+.0f}, "
            f"descriptors {self.slope('fds'):+.2f}, tasks {self.slope('tasks'):+.2f}; "
            f"CPU {early:.1f} s, then {late:.1f} s"
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that a share (0-1) of all does not exceed; 0.0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
