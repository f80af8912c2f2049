"""Which row of which table a recorded frame becomes.

Knows: frames of the wire, the families of channels, and how their tables are called. Must not know:
file formats. `exporting` hands it every record; `Table` is what a writer is made for.

Nothing is left out in silence: a channel nobody knows goes to `other` as JSON, what can't be read to
`unreadable` with the frame, the life of the connection to `connections`. Answers and heartbeats are
counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, get_args, get_origin

import msgspec

from deribit_ws.cli.export.kinds import Column, Scalar, columns_of
from deribit_ws.recorder import Record
from deribit_ws.wire.channels import Family, family_of
from deribit_ws.wire.codec import decode_envelope
from deribit_ws.wire.market import GroupedBook

Row: TypeAlias = tuple[int, int, str, Any]  # received_at, connection, channel, payload

_HEAD = (
    Column("received_at", Scalar.US, lambda row: row[0] // 1000),
    Column("connection", Scalar.INT, itemgetter(1)),
    Column("channel", Scalar.TEXT, itemgetter(2)),
)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table's name, and its columns, which take their values out of a row; each is itself alone."""

    name: str
    columns: tuple[Column, ...]


class Sorted(NamedTuple):
    """Rows of one table."""

    table: Table
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the data of one channel becomes rows."""

    table: Table
    decode: Callable[[bytes], Any]


def _table(name: str, columns: tuple[Column, ...]) -> Table:
    payload = tuple(Column(one.name, one.kind, _of_payload(one.value)) for one in columns)
    return Table(name, _HEAD + payload)


def _of_payload(value: Callable[[Any], Any]) -> Callable[[Row], Any]:
    return lambda row: value(row[3])


OTHER = _table("other", (Column("data", Scalar.JSON, bytes.decode),))
UNREADABLE = _table(
    "unreadable",
    (Column("why", Scalar.TEXT, itemgetter(0)), Column("frame", Scalar.TEXT, itemgetter(1))),
)
CONNECTIONS = Table(
    "connections",
    (
        Column("at", Scalar.US, lambda row: row[0] // 1000),
        Column("connection", Scalar.INT, itemgetter(1)),
        Column("event", Scalar.TEXT, itemgetter(2)),
        Column("code", Scalar.INT, lambda row: row[3].code or None),
        Column("reason", Scalar.TEXT, lambda row: row[3].reason or None),
        Column("frames", Scalar.INT, lambda row: row[3].frames or None),
    ),
)


def unreadable(row: Row, why: str) -> Row:
    """The row of `unreadable` for one that a table could not take."""
    received_at, connection, channel, payload = row
    return received_at, connection, channel, (why, _shown(payload))


def _shown(payload: Any) -> str:
    try:
        return payload.decode() if isinstance(payload, bytes) else msgspec.json.encode(payload).decode()
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return ascii(payload)


class Sorter:
    """Sorts records.

    Attributes:
        messages: notifications that could be read.
        others: answers, heartbeats, and frames that went out.
        unknown: of tables, the fields that their channels have and the tables have no column for, as the
            first message of each channel shows them.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.others = 0
        self.unknown: dict[str, set[str]] = {}
        self._tables: dict[tuple[str, Any], Table] = {}
        self._readings: dict[str, _Reading] = {}

    def sort(self, record: Record) -> Sorted | None:
        """The rows of a record, None where it is no message of a channel."""
        if record.frame is None:
            return Sorted(CONNECTIONS, [(record.t, record.n, record.event, record)])
        if record.is_out:
            self.others += 1
            return None
        try:
            envelope = decode_envelope(record.frame)
        except _UNREADABLE as error:
            return self._unreadable(record, "", error)
        params = envelope.params
        if envelope.method != "subscription" or params is None:
            self.others += 1
            return None
        channel = params.channel
        if channel is None or params.data is msgspec.UNSET:
            return self._unreadable(record, channel or "", "no channel, or no data")
        return self._message(record, channel, bytes(params.data))

    def _message(self, record: Record, channel: str, data: bytes) -> Sorted:
        reading = self._readings.get(channel)
        if reading is None:
            reading = self._readings[channel] = self._reading(family_of(channel))
            self._look_for_unknown(reading.table, data)
        try:
            payload = reading.decode(data)
        except _UNREADABLE as error:
            return self._unreadable(record, channel, error)
        self.messages += 1
        items = payload if type(payload) is list else (payload,)
        return Sorted(reading.table, [(record.t, record.n, channel, item) for item in items])

    def _unreadable(self, record: Record, channel: str, why: object) -> Sorted:
        frame = (record.frame or b"").decode("utf-8", "backslashreplace")
        return Sorted(UNREADABLE, [(record.t, record.n, channel, (str(why), frame))])

    def _look_for_unknown(self, table: Table, data: bytes) -> None:
        if table is OTHER:
            return
        try:
            value = msgspec.json.decode(data)
        except _UNREADABLE:
            return
        known = {column.name.partition(".")[0] for column in table.columns}
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and (unknown := item.keys() - known):
                self.unknown.setdefault(table.name, set()).update(unknown)

    def _reading(self, family: Family) -> _Reading:
        if not family.is_known or family.payload is None:
            return _Reading(OTHER, _as_it_came)
        payload = family.payload
        item = get_args(payload)[0] if get_origin(payload) is list else payload
        name = _name_of(family, item)
        table = self._tables.get((name, item))
        if table is None:
            table = self._tables[name, item] = _table(name, columns_of(item))
        return _Reading(table, family.decoder())


def _as_it_came(data: bytes) -> bytes:
    msgspec.json.decode(data, type=msgspec.Raw)
    return data


def _name_of(family: Family, item: Any) -> str:
    """What a family's table is called: the words of its pattern, `user.orders` of all that carry orders."""
    if item is GroupedBook:
        return "book_grouped"  # nothing but their payload tells the two kinds of book apart
    words = [segment for segment in family.pattern.segments if not segment.startswith("{")]
    return ".".join(words).removesuffix(".raw")
