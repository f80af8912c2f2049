"""The names of a recording's files: `day.jsonl.gz`, then `day.1.jsonl.gz`, `day.2.jsonl.gz`, …

Knows: paths. Must not know: what is in the files. `writer` and `reader` agree here.
"""

import re
from pathlib import Path

GZIP = ".gz"
_ENDING = re.compile(r"(?<=.)(\.[a-z]\w*)?(\.gz)?\Z", re.IGNORECASE)


def part_path(first: Path, number: int) -> Path:
    """Give the path of a part; of part 0 it is `first` itself."""
    if number == 0:
        return first
    stem, ending = _split(first)
    return first.with_name(f"{stem}.{number}{ending}")


def following(path: Path, number: int) -> Path:
    """Give the path of the part after the one at `path`, which is part `number`."""
    stem, ending = _split(path)
    stem = stem.removesuffix(f".{number}") if number else stem
    return part_path(path.with_name(stem + ending), number + 1)


def _split(path: Path) -> tuple[str, str]:
    """Part a file's name from its ending, ".jsonl.gz" being one; a number is none."""
    ending = _ENDING.search(path.name)
    at = len(path.name) if ending is None else ending.start()
    return path.name[:at], path.name[at:]
