"""The command: runs proofs one after another, says of each whether it held, and ends with a table.

Knows: options, processes, statuses. Must not know: what any proof is about (`catalogue`). Each runs in a
session of its own, so that Ctrl-C ends this command, and this command ends what the proof started.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.proofs.catalogue import PROOFS, Proof, Run

HELD, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # the last as a shell calls an end by Ctrl-C
_ROOT = Path(__file__).resolve().parents[2]
_LONGEST = 4 * 3600  # seconds: several times what the longest takes, for one that hangs
_GRACE = 3.0  # seconds to end when asked to
_LAST_LINES = 25  # of the output of a proof that failed


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a proof."""

    proof: Proof
    held: bool
    seconds: float
    output: str

    @property
    def word(self) -> str:
        """Say it in one."""
        return "held" if self.held else "FAILED"


def main(argv: Sequence[str] | None = None, proofs: Sequence[Proof] = PROOFS) -> int:
    """Run the command; give its exit status: 0 all held, 1 something failed, 2 usage, 130 interrupted."""
    options = _options(argv)
    unknown = [name for name in options.names if name not in {proof.name for proof in proofs}]
    if unknown:
        print(f"proofs: no proof {', '.join(unknown)}; --list shows them", file=sys.stderr)
        return USAGE
    chosen = [proof for proof in proofs if not options.names or proof.name in options.names]
    if options.list:
        _list(chosen, quick=options.quick)
        return HELD
    results: list[Result] = []
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_run(chosen, results, quick=options.quick, out=options.out))
    _table(chosen, results)
    if len(results) < len(chosen):
        return INTERRUPTED
    return HELD if all(result.held for result in results) else FAILED


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="proofs", description="Run the proofs that nothing is lost, each as a process of its own."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a proof; all by default")
    parser.add_argument("--quick", action="store_true", help="at a small size, some minutes in all")
    parser.add_argument("--list", action="store_true", help="list the proofs, and how long they take")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep the output of each there")
    return parser.parse_args(argv)


def _list(proofs: Sequence[Proof], *, quick: bool) -> None:
    for proof in proofs:
        run = proof.quick if quick else proof.full
        print(f"{proof.name:16} {_long(run.seconds):>7}  {proof.promise}: {run.what}")


async def _run(proofs: Sequence[Proof], results: list[Result], *, quick: bool, out: Path | None) -> None:
    """Run them; each result is added, told, and its output kept, as it comes."""
    myself = asyncio.current_task()
    assert myself is not None, "run as a task"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, myself.cancel)  # as Ctrl-C does
    for proof in proofs:
        run = proof.quick if quick else proof.full
        result = await _proved(proof, run)
        results.append(result)
        print(f"{proof.name}: {proof.promise}: {run.what}: {result.seconds:.0f} s: {result.word}", flush=True)
        if out is not None:
            await asyncio.to_thread(_keep, out / f"{proof.name}.txt", result.output)
        if not result.held:
            print("\n".join(f"    {line}" for line in result.output.splitlines()[-_LAST_LINES:]), flush=True)


async def _proved(proof: Proof, run: Run) -> Result:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *run.words,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=_ROOT,
        env={**os.environ, **run.environ},
        start_new_session=True,
    )
    output = b""
    try:
        async with asyncio.timeout(_LONGEST):
            output, _ = await process.communicate()
    except TimeoutError:
        output = f"it did not end within {_LONGEST} s".encode()
    finally:
        await _end(process)
    text = output.decode(errors="replace")
    denied = bool(proof.denies) and re.search(proof.denies, text) is not None
    return Result(proof, process.returncode == 0 and not denied, time.monotonic() - began, text)


async def _end(process: Process) -> None:
    """End a process and all it started, if it runs still."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)


def _keep(path: Path, output: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(output)


def _table(proofs: Sequence[Proof], results: Sequence[Result]) -> None:
    ended = {result.proof.name: result for result in results}
    print()
    for proof in proofs:
        result = ended.get(proof.name)
        word, seconds = (result.word, f"{result.seconds:.0f} s") if result else ("not run", "")
        print(f"{proof.name:16} {word:8} {seconds:>7}  {proof.promise}")


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
