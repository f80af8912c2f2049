"""Answers of the wallet calls: addresses, deposits, withdrawals, transfers, custody.

Knows: their fields and units. Must not know: calls, connections, channels. States stay plain strings,
and few fields are required: an answer to a call that moved money must be readable.

Units: amounts and fees are in `currency`; timestamps are ms since the epoch.
Source: docs.deribit.com API reference, Wallet.
"""

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe


class DepositAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`private/create_deposit_address`, `private/get_current_deposit_address`."""

    currency: str
    address: str
    type: Maybe[str] = UNSET  # deposit
    creation_timestamp: Maybe[int] = UNSET


class Deposit(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_deposits`, `private/set_clearance_originator`."""

    currency: str
    amount: float
    address: Maybe[str] = UNSET
    state: Maybe[str] = UNSET  # pending, completed, rejected, replaced
    transaction_id: Maybe[str] = UNSET
    source_address: Maybe[str] = UNSET
    received_timestamp: Maybe[int] = UNSET
    updated_timestamp: Maybe[int] = UNSET
    user_id: Maybe[int] = UNSET
    note: Maybe[str] = UNSET
    clearance_state: Maybe[str] = UNSET
    refund_transaction_id: Maybe[str] = UNSET


class DepositsPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_deposits`: some of `count`."""

    data: list[Deposit]
    count: Maybe[int] = UNSET


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """`private/withdraw`, `cancel_withdrawal`, `get_withdrawals`."""

    currency: str
    amount: float
    address: Maybe[str] = UNSET
    id: Maybe[int] = UNSET
    state: Maybe[str] = UNSET  # unconfirmed, confirmed, cancelled, completed, interrupted, rejected
    fee: Maybe[float] = UNSET
    priority: Maybe[float] = UNSET
    transaction_id: Maybe[str] = UNSET  # None until it is on the chain
    created_timestamp: Maybe[int] = UNSET
    confirmed_timestamp: Maybe[int] = UNSET
    updated_timestamp: Maybe[int] = UNSET
    nonce: Maybe[str] = UNSET  # as it was sent


class WithdrawalsPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_withdrawals`: some of `count`."""

    data: list[Withdrawal]
    count: Maybe[int] = UNSET


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """`private/submit_transfer_…`, `cancel_transfer_by_id`, `get_transfers`."""

    id: int
    currency: str
    amount: float
    type: Maybe[str] = UNSET  # user or subaccount
    direction: Maybe[str] = UNSET  # payment or income
    other_side: Maybe[str] = UNSET  # an address, or a subaccount's name
    state: Maybe[str] = UNSET  # prepared, confirmed, cancelled, waiting_for_admin, …
    created_timestamp: Maybe[int] = UNSET
    updated_timestamp: Maybe[int] = UNSET
    nonce: Maybe[str] = UNSET  # as it was sent


class TransfersPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_transfers`: some of `count`."""

    data: list[Transfer]
    count: Maybe[int] = UNSET


class AddressBookItem(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_address_book`, `private/add_to_address_book`."""

    currency: str
    address: str
    type: Maybe[str] = UNSET  # transfer, withdrawal, deposit_source
    label: Maybe[str] = UNSET
    status: Maybe[str] = UNSET  # waiting, confirmed, ready, admin_locked
    creation_timestamp: Maybe[int] = UNSET
    waiting_timestamp: Maybe[int | bool] = UNSET  # ms; the reference says bool
    requires_confirmation: Maybe[bool] = UNSET
    requires_confirmation_change: Maybe[bool] = UNSET
    info_required: Maybe[bool] = UNSET
    agreed: Maybe[bool] = UNSET
    personal: Maybe[bool] = UNSET
    beneficiary_vasp_name: Maybe[str] = UNSET
    beneficiary_vasp_did: Maybe[str] = UNSET
    beneficiary_vasp_website: Maybe[str] = UNSET
    beneficiary_first_name: Maybe[str] = UNSET
    beneficiary_last_name: Maybe[str] = UNSET
    beneficiary_company_name: Maybe[str] = UNSET
    beneficiary_address: Maybe[str] = UNSET


class AddressBeneficiary(msgspec.Struct, frozen=True, kw_only=True):
    """`private/save_address_beneficiary`, `private/get_address_beneficiary`."""

    currency: str
    address: str
    tag: Maybe[str] = UNSET
    user_id: Maybe[int] = UNSET
    agreed: Maybe[bool] = UNSET
    personal: Maybe[bool] = UNSET
    unhosted: Maybe[bool] = UNSET
    beneficiary_vasp_name: Maybe[str] = UNSET
    beneficiary_vasp_did: Maybe[str] = UNSET
    beneficiary_vasp_website: Maybe[str] = UNSET
    beneficiary_first_name: Maybe[str] = UNSET
    beneficiary_last_name: Maybe[str] = UNSET
    beneficiary_company_name: Maybe[str] = UNSET
    beneficiary_address: Maybe[str] = UNSET
    created: Maybe[int] = UNSET
    updated: Maybe[int] = UNSET


class AddressBeneficiariesPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/list_address_beneficiaries`: some of `count`."""

    data: list[AddressBeneficiary]
    continuation: Maybe[str] = UNSET
    count: Maybe[int] = UNSET


class CustodyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`private/list_custody_accounts`."""

    name: str
    currency: str
    client_id: Maybe[str] = UNSET
    external_id: Maybe[str] = UNSET
    balance: Maybe[float] = UNSET
    pending_withdrawal_balance: Maybe[float] = UNSET
    withdrawals_require_security_key: Maybe[bool] = UNSET
    auto_deposit: Maybe[bool] = UNSET
    deposit_address: Maybe[str] = UNSET
    withdrawal_address: Maybe[str] = UNSET
    withdrawal_address_change: Maybe[float] = UNSET  # when the pending address takes over
    pending_withdrawal_addres: Maybe[str] = UNSET  # so it is spelled
