"""Tables as Parquet files, by pyarrow, which is loaded only here.

Knows: which of Arrow's types each kind of column has. Must not know: channels, recordings. `exporting`
makes a writer for each table. Rows are written in batches: memory holds one batch of each table.
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, assert_never

from deribit_ws.cli.export.kinds import Column, Kind, Listed, Mapped, Nested, Pair, Scalar
from deribit_ws.cli.export.sorting import Row, Table
from deribit_ws.cli.failures import USAGE, Failure

SUFFIX = ".parquet"
_COMPRESSION = "zstd"  # smaller than snappy, the default, and read as fast


class ParquetFile:
    """One table's file."""

    def __init__(self, table: Table, path: Path) -> None:
        arrow, parquet = _pyarrow()
        self._arrow = arrow
        self._columns = table.columns
        self._types = [_type(column.kind, arrow) for column in table.columns]
        fields = zip((column.name for column in table.columns), self._types, strict=True)
        self._schema = arrow.schema(list(fields))
        self._writer = parquet.ParquetWriter(path, self._schema, compression=_COMPRESSION)

    def write(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """Write rows; give those that the columns can't hold, each with why."""
        refused: list[tuple[Row, str]] = []
        try:
            batch = self._batch(rows)
        except self._misfits:
            rows, refused = _parted(rows, self._fault)
            batch = self._batch(rows)
        if rows:
            self._writer.write_batch(batch)
        return refused

    def close(self) -> None:
        """Write what makes it a whole file."""
        self._writer.close()

    @property
    def _misfits(self) -> tuple[type[Exception], ...]:
        return (self._arrow.ArrowException, OverflowError, TypeError, ValueError)

    def _batch(self, rows: Sequence[Row]) -> Any:
        arrays = [
            self._arrow.array(list(map(column.value, rows)), type=type)
            for column, type in zip(self._columns, self._types, strict=True)
        ]
        return self._arrow.record_batch(arrays, schema=self._schema)

    def _fault(self, row: Row) -> str | None:
        try:
            self._batch([row])
        except self._misfits as error:
            return str(error)
        return None


def check() -> None:
    """Raise `Failure` where pyarrow is not installed, before anything is read."""
    _pyarrow()


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise Failure("--to parquet needs pyarrow: pip install 'deribit_ws[parquet]'", USAGE) from None


def _parted(
    rows: Sequence[Row], fault: Callable[[Row], str | None]
) -> tuple[list[Row], list[tuple[Row, str]]]:
    good: list[Row] = []
    refused: list[tuple[Row, str]] = []
    for row in rows:
        why = fault(row)
        if why is None:
            good.append(row)
        else:
            refused.append((row, why))
    return good, refused


def _type(kind: Kind, arrow: Any) -> Any:
    match kind:
        case Scalar():
            return _scalar(kind, arrow)
        case Listed(item):
            return arrow.list_(_type(item, arrow))
        case Nested(columns) | Pair(columns):
            return arrow.struct(_fields(columns, arrow))
        case Mapped():
            return arrow.map_(arrow.string(), arrow.float64())
        case _:
            assert_never(kind)


def _fields(columns: Sequence[Column], arrow: Any) -> list[tuple[str, Any]]:
    return [(column.name, _type(column.kind, arrow)) for column in columns]


def _scalar(kind: Scalar, arrow: Any) -> Any:
    match kind:
        case Scalar.INT:
            return arrow.int64()
        case Scalar.FLOAT:
            return arrow.float64()
        case Scalar.BOOL:
            return arrow.bool_()
        case Scalar.TEXT | Scalar.JSON:
            return arrow.string()
        case Scalar.MS:
            return arrow.timestamp("ms", tz="UTC")
        case Scalar.US:
            return arrow.timestamp("us", tz="UTC")
        case _:
            assert_never(kind)
