"""What the platform tells everybody, and what it tells a user of the account's own log.

Knows: the fields of each, and which may be absent or null. Must not know: channels, calls. Words stay
plain strings; fields nobody has heard of are ignored. Timestamps are ms since the epoch.
Source: docs.deribit.com, announcements, user.access_log.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe


class Announcement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`announcements`, `public/get_announcements`: news; `action` is there on the channel only."""

    title: Maybe[str] = UNSET
    publication_timestamp: Maybe[int] = UNSET
    important: Maybe[bool] = UNSET
    id: Maybe[int] = UNSET
    confirmation: Maybe[bool] = UNSET  # whether it asks to be confirmed
    body: Maybe[str] = UNSET  # HTML
    action: Maybe[str] = UNSET  # new or deleted
    unread: Maybe[int] = UNSET  # how many the user has not read


class AccessLog(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.access_log`, `private/get_access_log`: a login, or a change of the account's security."""

    timestamp: int
    log: str  # success, failure, changed_password, new_api_key …
    ip: Maybe[str] = UNSET
    id: int
    country: Maybe[str] = UNSET
    city: Maybe[str] = UNSET
    data: Any = UNSET  # a word or an object, by what was logged
