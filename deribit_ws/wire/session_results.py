"""Answers about the session itself: logins, versions, cancel-on-disconnect, the platform's state.

Knows: what these calls give, and which of it is secret. Must not know: connections, or how a login is
made. A token is never shown: not by `repr`, not by `str`, not by rich. Whoever wants it reads the field.
Source: docs.deribit.com API reference, Authentication, Session Management and Supporting.
"""

from typing import Any, ClassVar

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe


class Discreet(msgspec.Struct, frozen=True, kw_only=True):
    """Base of answers that hold secrets: the fields named in `secret` are shown as stars."""

    secret: ClassVar[frozenset[str]] = frozenset()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "***" if value and name in self.secret else value) for name, value in values]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


class Login(Discreet, frozen=True, kw_only=True):
    """`public/auth`, `public/exchange_token`, `public/fork_token`: tokens, and what they allow.

    Never take for granted what was asked: the scope is narrowed to the key's without a word, and the
    lifetime is the exchange's choice.
    """

    secret = frozenset({"access_token", "refresh_token"})

    access_token: str
    refresh_token: Maybe[str] = UNSET
    token_type: Maybe[str] = UNSET  # bearer
    expires_in: float  # seconds
    scope: str = ""  # granted, as words parted by spaces
    state: Maybe[str] = UNSET  # as it was sent
    sid: Maybe[str] = UNSET  # the session's id
    enabled_features: Maybe[list[str]] = UNSET
    mandatory_tfa_status: Maybe[str] = UNSET
    google_login: Maybe[bool] = UNSET


class CancelOnDisconnect(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_cancel_on_disconnect`."""

    scope: Maybe[str] = UNSET  # connection or account
    enabled: bool


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """`public/hello`, `public/test`: the version of the interface, e.g. 1.2.26."""

    version: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`public/status`: whether the platform is locked; a bool or a word, the exchange sends both."""

    locked: bool | str  # "true", "partial" or "false" as a word
    locked_indices: Maybe[list[str]] = UNSET
    locked_currencies: Maybe[list[str]] = UNSET  # what older answers carry instead
