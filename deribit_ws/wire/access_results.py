"""Answers about who may use an account, and how: API keys, the access log, members, locks, programmes.

Knows: their fields, and which of them are secret. Must not know: calls, connections, channels. The
secret of an API key is never shown by `repr`, `str` or rich.
Source: docs.deribit.com API reference, Account Management.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.session_results import Discreet


class ApiKey(Discreet, frozen=True, kw_only=True):
    """`private/list_api_keys` and all calls that make or change a key."""

    secret = frozenset({"client_secret"})

    id: int
    client_id: str
    client_secret: Maybe[str] = UNSET
    public_key: Maybe[str] = UNSET
    timestamp: Maybe[int] = UNSET  # ms since the epoch; when it was made or last changed
    name: Maybe[str] = UNSET
    max_scope: Maybe[str | list[str]] = UNSET
    enabled: Maybe[bool] = UNSET
    default: Maybe[bool] = UNSET
    enabled_features: Maybe[list[str]] = UNSET
    ip_whitelist: Maybe[list[str]] = UNSET


class AccessLogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_access_log`: a login, or a change of the account's security."""

    id: int
    timestamp: int  # ms since the epoch
    log: Maybe[str] = UNSET  # success, failure, changed_scope, …
    result: Maybe[str] = UNSET  # what older answers carry instead
    ip: Maybe[str] = UNSET
    country: Maybe[str] = UNSET
    city: Maybe[str] = UNSET
    data: Any = UNSET  # a word or an object, by what was logged


class AccessLogPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_access_log`, in the one of its two published shapes that is no bare list."""

    data: list[AccessLogEntry]
    records_total: Maybe[int] = UNSET


class CurrencyLock(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_user_locks`: whether trading of a currency is locked; one of two words says it."""

    currency: str
    locked: Maybe[bool] = UNSET
    enabled: Maybe[bool] = UNSET  # what the reference calls it
    message: Maybe[str] = UNSET


class AccountCurrency(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_currencies`: a currency this account may use."""

    currency: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may use the account."""

    name: Maybe[str] = UNSET
    member_id: Maybe[int | str] = UNSET
    main_uid: Maybe[int] = UNSET
    is_active: Maybe[bool] = UNSET
    accounts: Any = UNSET  # no published shape
    m_tstamp: Maybe[int] = UNSET


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_members`, `set_member`, `delete_member`."""

    members: list[Member]
    is_direct_access_allowed: Maybe[bool] = UNSET


class AffiliateProgram(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_affiliate_program_info`."""

    is_enabled: bool
    number_of_affiliates: Maybe[float] = UNSET
    link: Maybe[str] = UNSET
    received: Maybe[dict[str, float | None]] = UNSET  # by currency


class RewardEligibility(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_reward_eligibility`: one coin of it."""

    eligibility_status: str  # eligible, partially_eligible or non_eligible
    apr_sma7: Maybe[float] = UNSET  # percent a year, mean of seven days


# By coin; the reference has the two fields themselves instead.
RewardEligibilities = dict[str, RewardEligibility | float | str | None]
