"""A line of the log that people read and programs too: a text, and the same facts as fields of the record.

Knows: logging, and that the exchange may have written what is in a field: it can forge no line and show no
secret. Must not know: what happens, or who reads of it. Each room has one logger, named after it
(`deribit_ws.books`), and notes here what an operator cares about. Fields are plain values, so that a record
that is kept keeps nothing else alive.
"""

import logging

from deribit_ws.shown import one_line

Field = str | int | float | None


def note(
    logger: logging.Logger,
    level: int,
    event: str,
    text: str,
    *,
    error: BaseException | None = None,
    **fields: Field,
) -> None:
    """Log `text`, with `%(name)s` for a field; the record has `event` and each field as an attribute.

    Args:
        logger: of the room.
        level: as logging's.
        event: one word for what happened, the same for ever: what a program looks for.
        text: the line.
        error: logged with its traceback.
        fields: seconds, counts, names; none may be called as an attribute that each record has.
    """
    facts: dict[str, Field] = {"event": event}
    for name, value in fields.items():
        facts[name] = one_line(value) if isinstance(value, str) else value
    logger.log(level, text, facts, extra=facts, exc_info=error, stacklevel=2)


def counted(count: int, noun: str) -> str:
    """Give "1 channel" or "4 channels"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
