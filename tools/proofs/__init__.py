"""The proofs that nothing is lost, each at its full size, by one command.

Each is a program of the tests, run as a process of its own. Run them as `python -m tools.proofs` or `make
proofs`; the suite runs a small share of each. It stands beside the tests and holds no judgement of its own.
"""
