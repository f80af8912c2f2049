"""When an instrument ends, as its name says.

Knows: how Deribit writes dates in names, and the hour. Must not know: what becomes of a position then.
`orders` has all read anew when a position's instrument has ended.
"""

import calendar
import re

_DATE = re.compile(r"[-_](\d{1,2})([A-Z]{3})(\d{2})(?![0-9A-Z])")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_HOUR = 8  # UTC, of every settlement


def expiry_of(instrument: str) -> int | None:
    """Give the first date in a name, of a combo that of its first leg to end, in ms; None without one."""
    return min((_at(*found) for found in _DATE.findall(instrument) if found[1] in _MONTHS), default=None)


def _at(day: str, month: str, year: str) -> int:
    date = (2000 + int(year), _MONTHS.index(month) + 1, int(day))
    return calendar.timegm((*date, _HOUR, 0, 0)) * 1000
