"""`python -m deribit_ws`: the same as the command `deribit-ws`."""

import sys

from deribit_ws.cli import main

if __name__ == "__main__":
    sys.exit(main())
