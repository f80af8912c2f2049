"""`python -m tests.faults`: hands over to the command."""

import sys

from tests.faults.command import main

if __name__ == "__main__":
    sys.exit(main())
