"""One promise under a guided fuzzer, in a process of its own: `python -m tests.bytes.fuzzing NAME …`.

Knows: atheris, which watches what of the package an input reaches and keeps those that reach more. Must
not know: what is promised. `command` runs it, since libFuzzer ends the process it runs in. Arguments after
the name are libFuzzer's own.
"""

import importlib
import sys
from typing import Any


def main() -> None:
    """Fuzz until libFuzzer has had its runs; a promise broken ends it with a code that is not 0."""
    atheris: Any = importlib.import_module("atheris")  # of the group `fuzz`; there is none for every machine
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["deribit_ws", "msgspec"]):
        promises = importlib.import_module("tests.bytes.promises")
    atheris.Setup(sys.argv, promises.PROMISES[name].make())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
