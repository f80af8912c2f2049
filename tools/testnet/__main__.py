"""`python -m tools.testnet`: hands over to the command."""

import sys

from tools.testnet.command import main

if __name__ == "__main__":
    sys.exit(main())
