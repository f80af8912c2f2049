"""The command: plays rows for many seeds, prints a line for each, and the score.

Knows options, processes and columns. Must not know what any row is about. `python -m tests.faults`, or
`make faults`. It ends with 0 where every row that could be played survived, with 1 where one fell.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from tests.faults.naive import Naive
from tests.faults.playing import Verdict, verdict
from tests.faults.row import ROWS, Row, Scene
from tests.faults.score import Standing, naive_total, total
from tests.faults.scoreboard import enter_all
from tests.faults.stage import Layer
from tests.faults.subject import Ours

SURVIVED, FELL, USAGE, INTERRUPTED = 0, 1, 2, 130  # the last as a shell calls an end by Ctrl-C
SEEDS = 20
NAIVE_SEEDS = {Layer.MEMORY: SEEDS, Layer.SOCKETS: 2}  # in real time it hangs for long in many rows
LINE = "{number:>3}  {title:64.64}  {seeds:30} {p50:>7} {p99:>7} {bound:>7}  {word:8} {naive}"
HEADER = LINE.format(
    number="row",
    title="fault",
    seeds="seeds passed",
    p50="p50 s",
    p99="p99 s",
    bound="bound",
    word="",
    naive="naive client",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status."""
    options = _options(argv)
    enter_all()
    unknown = [number for number in options.rows if number not in ROWS]
    if unknown:
        print(f"faults: no row {unknown}; --list shows them", file=sys.stderr)
        return USAGE
    rows = [ROWS[number] for number in sorted(options.rows or ROWS)]
    if options.list:
        for row in rows:
            layers = dict.fromkeys(scene.layer.value for scene in row.scenes)
            print(f"{row.number:>3}  {row.title:60} {', '.join(layers)}")
        return SURVIVED
    began = time.monotonic()
    standings: list[Standing] = []
    print(HEADER, flush=True)
    try:
        for standing in _played(rows, options):
            standings.append(standing)
            _show(standing)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    _sum_up(standings, time.monotonic() - began)
    if options.markdown is not None:
        options.markdown.write_text(_table(standings))
    return SURVIVED if all(one.survived for one in standings if one.is_played) else FELL


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description="Play the rows of the scoreboard.")
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help="numbers of rows; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each scene")
    parser.add_argument("--layers", default="memory,sockets,kernel", help="where to play them")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    parser.add_argument("--no-naive", action="store_true", help="leave the naive client out")
    parser.add_argument("--list", action="store_true", help="list the rows, and the layers each is played in")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    return parser.parse_args(argv)


# --- playing


def play_scene(number: int, index: int, seeds: int, *, naive: bool) -> list[Verdict]:
    """Play a scene for some seeds in this process, one after another."""
    enter_all()
    scene = ROWS[number].scenes[index]
    verdicts: list[Verdict] = []
    for seed in range(min(seeds, scene.most_seeds)):
        verdicts.append(verdict(number, scene, seed, Naive if naive else Ours))
        if naive and not verdicts[-1].survived:
            break  # one seed is enough to fall, and to wait for what never comes takes long
    return verdicts


Work = list[tuple[Scene, bool, "Future[list[Verdict]]"]]


def _played(rows: Sequence[Row], options: argparse.Namespace) -> Iterator[Standing]:
    """Play all rows side by side; give them in order."""
    context = multiprocessing.get_context("spawn")  # a forked loop shares its selector
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        begun = [(Standing(row), _begun(pool, row, options)) for row in rows]
        try:
            for standing, (work, skipped) in begun:
                standing.skipped = skipped
                for _, is_naive, future in work:
                    if is_naive:
                        standing.naive += [one for one in future.result() if not one.is_ours_alone]
                    else:
                        standing.add(future.result())
                yield standing
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _begun(pool: ProcessPoolExecutor, row: Row, options: argparse.Namespace) -> tuple[Work, dict[str, str]]:
    work: Work = []
    skipped: dict[str, str] = {}
    for index, scene in enumerate(row.scenes):
        if scene.layer.value not in options.layers.split(","):
            continue
        if reason := scene.why_not():
            skipped[scene.layer.value] = reason
            continue
        work.append((scene, False, pool.submit(play_scene, row.number, index, options.seeds, naive=False)))
        seeds = min(options.seeds, NAIVE_SEEDS.get(scene.layer, 0))
        if scene.play is not None and seeds and not options.no_naive:
            work.append((scene, True, pool.submit(play_scene, row.number, index, seeds, naive=True)))
    return work, skipped


# --- showing


def _cells(standing: Standing) -> dict[str, str]:
    word = "survived" if standing.survived else "FELL" if standing.is_played else "skipped"
    return {
        "number": str(standing.row.number),
        "title": standing.row.title,
        "seeds": standing.seeds(),
        "p50": _seconds(standing.percentile(0.5)),
        "p99": _seconds(standing.percentile(0.99)),
        "bound": _seconds(standing.bound()),
        "word": word,
        "naive": standing.naive_word(),
    }


def _show(standing: Standing) -> None:
    print(LINE.format(**_cells(standing)).rstrip(), flush=True)
    for layer, reason in standing.skipped.items():
        print(f"       {layer}: {reason}")
    for one in standing.fallen[:5]:
        print(f"       {one.layer}, seed {one.seed}: {one.fault[:300]}")
    if standing.is_played and not standing.survived and not standing.fallen:
        print(f"       memory grew by {standing.growth / 1024:.0f} KiB")


def _sum_up(standings: list[Standing], seconds: float) -> None:
    survived, played = total(standings)
    left_out = [one.row.number for one in standings if not one.is_played]
    print(f"\n{survived}/{played} rows survived; {seconds / 60:.1f} min")
    if left_out:
        print(f"not played here: {', '.join(map(str, left_out))}")
    controls = [one for one in standings if not one.row.number]
    if controls:
        print(f"control without a fault: {'held' if controls[0].survived else 'FELL'}")
    survived, played = naive_total(standings)
    if played:
        print(f"the naive client: {survived}/{played} of the rows it can be put to")


def _table(standings: list[Standing]) -> str:
    head = "| row | fault | seeds passed | p50 s | p99 s | bound s | | naive client |\n|" + "---|" * 8 + "\n"
    return head + "".join("| " + " | ".join(_cells(one).values()) + " |\n" for one in standings)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
