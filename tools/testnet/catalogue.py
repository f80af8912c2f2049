"""All checks, in the order in which they are told of.

Knows: the modules of checks. Must not know: what is in them. The command chooses from it.
"""

from tools.testnet.about import (
    books,
    channel_sets,
    clients,
    drift_channels,
    drift_methods,
    envelope,
    heartbeats,
    logins,
    open_points,
    orders,
    subscriptions,
    tokens,
    transport,
)
from tools.testnet.checks import Check

_TOPICS = (
    transport,
    envelope,
    heartbeats,
    subscriptions,
    channel_sets,
    books,
    drift_channels,
    drift_methods,
    logins,
    tokens,
    clients,
    orders,
    open_points,
)

CHECKS: tuple[Check, ...] = tuple(
    found for topic in _TOPICS for found in vars(topic).values() if isinstance(found, Check)
)
