"""Answers about the LSP: who takes positions over, up to what limits, and how far those are used up.

Knows: their fields and units. Must not know: calls, connections, channels. Limits are in percent and by
group: "1" to "6", and "rwa". Source: docs.deribit.com API reference, lsp; the shape of
`private/get_lsp_usage` is inferred from the participants' one.
"""

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe


class LspConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one participant takes part."""

    enabled: Maybe[bool] = UNSET
    group_limits: Maybe[dict[str, float | None]] = UNSET  # percent by group


class LspParticipantConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_lsp_participant_config`."""

    config: LspConfig


class LspParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """One participant."""

    user_id: int
    enabled: Maybe[bool] = UNSET
    config: Maybe[LspConfig] = UNSET


class LspParticipants(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_lsp_participants`."""

    participants: list[LspParticipant]


class LspGroupUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a group's limit is used; it pauses for a while when it is used up."""

    pct: Maybe[float] = UNSET  # the limit, percent
    used: Maybe[float] = UNSET
    cooldown_start: Maybe[int] = UNSET  # ms since the epoch; None: no pause
    cooldown_end: Maybe[int] = UNSET


class LspUsage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_lsp_usage`."""

    cooldown_period_ms: Maybe[int] = UNSET
    groups: dict[str, LspGroupUsage]


class LspParticipantUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One participant's usage."""

    user_id: int
    groups: dict[str, LspGroupUsage]


class LspParticipantsUsage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_lsp_participants_usage`."""

    cooldown_period_ms: Maybe[int] = UNSET
    participants: list[LspParticipantUsage]
