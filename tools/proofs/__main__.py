"""`python -m tools.proofs`: hands over to the command."""

import sys

from tools.proofs.command import main

if __name__ == "__main__":
    sys.exit(main())
