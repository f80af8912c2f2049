"""Checks of what this project believes of Deribit, made against the real test exchange.

Each check is a coroutine function that looks at real frames and says CONFIRMED, REFUTED or UNDECIDED.
Run it as `python -m tools.testnet` or `make testnet`; docs/testnet.md tells what it needs and what it
does. It stands beside the tests and not among them: tests judge this package, these judge the exchange.
"""
