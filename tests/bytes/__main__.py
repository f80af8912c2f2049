"""`python -m tests.bytes`; see `command`."""

import sys

from tests.bytes.command import main

if __name__ == "__main__":
    sys.exit(main())
