"""Text that can't move the cursor, change colours or forge a line, whoever wrote it.

Knows: characters. Must not know: where the text comes from. Whatever a server may have had a hand
in goes through here before it reaches a terminal, a log line or a line of JSON.
"""

import json
import re
from typing import Any

from deribit_ws.shown import printable

__all__ = ["dumped", "printable", "safe_json"]

# C0, DEL, C1, line and paragraph separators, and what reorders, annotates or hides text (bidi, zero width,
# tags). In JSON, unlike in `printable`, what is just unusual stays as it came.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def safe_json(text: str, *, indented: bool = False) -> str:
    """The same JSON value without a raw control character; one line, unless it is `indented`.

    Inside strings they become escapes that mean the same. Between tokens only white space is legal.
    """
    if not indented:
        text = text.replace("\r", " ").replace("\n", " ")
    return _UNSAFE.sub(_escaped, text.replace("\t", " "))


def dumped(value: Any, *, indented: bool = False) -> str:
    """A value as JSON: one line, or `indented` over several."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if indented else None)
    return safe_json(text, indented=indented)


def _escaped(match: re.Match[str]) -> str:
    return "\n" if match[0] == "\n" else json.dumps(match[0])[1:-1]
