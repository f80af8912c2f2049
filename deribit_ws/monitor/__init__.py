"""Watching a feed: what `deribit-ws monitor` knows and shows, apart from the terminal it shows it on.

Knows: the client's public face, and how its state is told in figures, lines and pictures. Must not know:
terminals, the command line. `cli` makes a `Monitor`, and shows its snapshots. The modules that need rich
(`view`, `panels`) are imported by who has it.
"""

from deribit_ws.monitor.monitor import Monitor
from deribit_ws.monitor.snapshot import Chart, Health, Ladder, Row, Snapshot

__all__ = ["Chart", "Health", "Ladder", "Monitor", "Row", "Snapshot"]
