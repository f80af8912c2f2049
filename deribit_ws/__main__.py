"""`python -m deribit_ws`: the same as the command `deribit-ws`."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports below is no traceback

    from deribit_ws.cli import main

    sys.exit(main())
