"""A recording read once, its rows handed to the files of their tables, the whole moved into place at the end.

Knows: the order of things, batches, what is told. Must not know: columns, file formats. `command` runs it.
Until all is written it stands in a folder of another name: what is there under the name asked for is whole.
"""

import asyncio
import os
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from deribit_ws.cli.export import csv_files, parquet
from deribit_ws.cli.export.csv_files import CsvFile
from deribit_ws.cli.export.parquet import ParquetFile
from deribit_ws.cli.export.sorting import UNREADABLE, Row, Sorter, Table, unreadable
from deribit_ws.cli.failures import OK, USAGE, Failure
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.output import is_terminal, write_line
from deribit_ws.cli.printable import dumped, printable
from deribit_ws.cli.progress import progress
from deribit_ws.cli.recordings import Reading

BATCH_ROWS = 20_000  # of one table: enough for a row group worth its header
BATCH_BYTES = 8 << 20  # of frames of one table: what some tens of tables may hold at once
TURN = 500  # records between two looks at whether a signal came: some milliseconds


class File(Protocol):
    """A table on its way to the disk."""

    def write(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows; give those that it can't hold, each with why."""

    def close(self) -> None:
        """Make it whole."""


_FORMATS: dict[str, tuple[Callable[[Table, Path], File], str]] = {
    "parquet": (ParquetFile, parquet.SUFFIX),
    "csv": (CsvFile, csv_files.SUFFIX),
}


async def run(options: Namespace) -> int:
    """Export the recording; give 0 once its tables are in place."""
    start_logging(verbose=options.verbose)
    if options.to == "parquet":
        parquet.check()
    recording = Reading(options.file)
    make, suffix = _FORMATS[options.to]
    sorter = Sorter()
    with _made_whole(_target(recording, options.out)) as folder:
        tables = Tables(lambda table: make(table, folder / (table.name + suffix)))
        try:
            await _sorted(recording, sorter, tables)
        finally:
            tables.close()
    _tell(recording, sorter, tables.rows.get(UNREADABLE.name, 0))
    _summarise(_target(recording, options.out), recording, sorter, tables.rows)
    return OK


def _target(recording: Reading, out: str | None) -> Path:
    """The folder to write: as asked for, or the recording's name without its endings."""
    if out is not None:
        return Path(out)
    name = recording.path.name
    stem = name.removesuffix(".gz").removesuffix(".jsonl")
    return recording.path.with_name(stem if stem != name else f"{name}.tables")


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Give a folder to write into, which becomes `target` at the end, or is gone if there is none."""
    try:
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        if target.exists():
            raise Failure(f"{target} is there already: --out names another folder", USAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = target.with_name(f".{target.name}.{os.getpid()}")
        folder.mkdir()
    except FileExistsError:
        raise Failure(f"cannot write {target}: {target.parent} is no folder", USAGE) from None
    except OSError as error:
        raise Failure(f"cannot write {target}: {_reason(error)}", USAGE) from None
    try:
        yield folder
        folder.rename(target)
    except OSError as error:
        raise Failure(f"cannot write {target}: {_reason(error)}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


async def _sorted(recording: Reading, sorter: Sorter, tables: "Tables") -> None:
    async with progress(lambda: f"{sorter.messages:,} messages", lambda: recording.share) as show:
        for n, record in enumerate(recording):
            if (rows := sorter.sort(record)) is not None:
                tables.add(*rows, size=len(record.received or ""))
            if n % TURN == 0:
                show()
                await asyncio.sleep(0)
        tables.flush()


def _tell(recording: Reading, sorter: Sorter, unreadable: int) -> None:
    if unreadable:
        tell(f"warning: {unreadable:,} messages could not be read: see the table {UNREADABLE.name}")
    for name, fields in sorted(sorter.unknown.items()):
        tell(f"warning: {name}: fields not exported: {', '.join(sorted(fields))}")
    for fault in recording.faults:
        tell(f"warning: {fault}")


def _summarise(target: Path, recording: Reading, sorter: Sorter, rows: dict[str, int]) -> None:
    if is_terminal():
        for name, count in sorted(rows.items()):
            write_line(f"{count:>12,}  {name}")
        write_line(printable(f"{sorter.messages:,} messages, {recording.drops:,} drops: {target}"))
        return
    told = {
        "event": "summary",
        "folder": str(target),
        "tables": rows,
        "messages": sorter.messages,
        "other_frames": sorter.others,
        "drops": recording.drops,
        "left_out": recording.left_out,
        "whole": recording.is_whole,
    }
    write_line(dumped(told))


class _Pending:
    """A table's file, and the rows that wait for it."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.rows: list[Row] = []
        self.size = 0
        self.written = 0


class Tables:
    """All tables of an export; `make` gives the file of one."""

    def __init__(self, make: Callable[[Table], File]) -> None:
        self._make = make
        self._pending: dict[Table, _Pending] = {}

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has got."""
        return {table.name: pending.written for table, pending in self._pending.items()}

    def add(self, table: Table, rows: Sequence[Row], *, size: int) -> None:
        """Add rows that came out of `size` bytes."""
        pending = self._pending.get(table)
        if pending is None:
            pending = self._pending[table] = _Pending(self._make(table))
        pending.rows.extend(rows)
        pending.size += size
        if len(pending.rows) >= BATCH_ROWS or pending.size >= BATCH_BYTES:
            self._write(pending)

    def flush(self) -> None:
        """Write what waits; what one table can't hold goes to `unreadable`, which comes last."""
        for pending in list(self._pending.values()):
            self._write(pending)
        if UNREADABLE in self._pending:
            self._write(self._pending[UNREADABLE])

    def close(self) -> None:
        """Close the files."""
        for pending in self._pending.values():
            pending.file.close()

    def _write(self, pending: _Pending) -> None:
        rows, pending.rows, pending.size = pending.rows, [], 0
        refused = pending.file.write(rows) if rows else []
        pending.written += len(rows) - len(refused)
        if refused:
            self.add(UNREADABLE, [unreadable(row, why) for row, why in refused], size=0)
