"""Tables as CSV files.

Knows: how each kind of column is written in a cell. Must not know: channels, recordings. `exporting` makes a
writer for each table. Times are ISO 8601 in UTC; what is more than one value is a cell of JSON; an empty
cell is nothing.
"""

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from deribit_ws.cli.export.kinds import Column, Mapped, Scalar
from deribit_ws.cli.export.sorting import Row, Table

SUFFIX = ".csv"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CsvFile:
    """One table's file."""

    def __init__(self, table: Table, path: Path) -> None:
        self._cells = [_cell(column) for column in table.columns]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([column.name for column in table.columns])

    def write(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows; give those that no cell can hold, each with why."""
        refused = []
        for row in rows:
            try:
                self._writer.writerow([cell(row) for cell in self._cells])
            except (ValueError, OverflowError, csv.Error) as error:
                refused.append((row, str(error)))
        return refused

    def close(self) -> None:
        """Write what is still to be written."""
        self._file.close()


def _cell(column: Column) -> Callable[[Row], Any]:
    write = _WRITERS.get(column.kind) if isinstance(column.kind, Scalar) else _as_json(column)
    if write is None:
        return column.value

    def cell(row: Row) -> Any:
        value = column.value(row)
        return None if value is None else write(value)

    return cell


def _as_json(column: Column) -> Callable[[Any], str]:
    if isinstance(column.kind, Mapped):
        return lambda pairs: msgspec.json.encode(dict(pairs)).decode()
    return lambda value: msgspec.json.encode(value).decode()


def _ms(value: int) -> str:
    return f"{_to_the_second(value // 1000)}.{value % 1000:03d}Z"


def _us(value: int) -> str:
    return f"{_to_the_second(value // 10**6)}.{value % 10**6:06d}Z"


def _to_the_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def _truth(value: bool) -> str:
    return "true" if value else "false"


_WRITERS: dict[Scalar, Callable[[Any], str]] = {
    Scalar.MS: _ms,
    Scalar.US: _us,
    Scalar.BOOL: _truth,
}
