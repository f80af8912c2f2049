"""One answer or more of each kind, as literal JSON of our own making, with the type it decodes into.

Values are made up; which fields there are, and which may be null, is as the exchange sends them. Where the
exchange has two shapes for one answer, both are here.
"""

from typing import Any

from deribit_ws import types as t

ORDER = (
    '{"label":"desk-1","price":6260.55,"user_id":7,"amount":0.5,"direction":"buy",'
    '"time_in_force":"good_til_cancelled","instrument_name":"ETH_USDC-PERPETUAL","web":false,"api":true,'
    '"order_id":"USDC-11","creation_timestamp":1718159083016,"replaced":false,"filled_amount":0.0,'
    '"last_update_timestamp":1718159083016,"post_only":true,"reduce_only":false,"average_price":0.0,'
    '"order_state":"open","order_type":"limit"}'
)
FILL = (
    '{"timestamp":1718159083016,"state":"filled","price":6260.5,"amount":0.5,"direction":"buy",'
    '"index_price":7131.1,"instrument_name":"ETH_USDC-PERPETUAL","trade_seq":77,"mark_price":6260.0,'
    '"order_id":"USDC-11","matching_id":null,"tick_direction":1,"trade_id":"ETH_USDC-99","fee_currency":"USDC",'
    '"fee":-1e-05,"order_type":"limit","liquidity":"M","self_trade":false}'
)
TRADE = (
    '{"timestamp":1718159083016,"price":6260.5,"amount":0.5,"direction":"sell","index_price":7131.1,'
    '"instrument_name":"ETH_USDC-PERPETUAL","trade_seq":77,"mark_price":6260.0,"tick_direction":0,'
    '"trade_id":"ETH_USDC-99"}'
)
POSITION = (
    '{"instrument_name":"BTC-PERPETUAL","direction":"buy","size":50,"estimated_liquidation_price":null}'
)
LEG = '{"instrument_name":"BTC-PERPETUAL","direction":"sell","ratio":1,"price":96091}'
RFQ = (
    '{"state":"open","amount":49099,"role":"taker","bids":[],"asks":[],"combo_id":null,"legs":[' + LEG + "],"
    '"block_rfq_id":703,"creation_timestamp":1708246281948,"makers":["MAKER1"]}'
)
DETAILS = (
    '"id":10,"email":"desk@example.com","system_name":"desk","username":"desk","type":"main",'
    '"creation_timestamp":1721993518190,"referrer_id":null,"login_enabled":false,"mmp_enabled":true,'
    '"self_trading_extended_to_subaccounts":false,"trading_products_details":'
    '[{"product":"perpetual","enabled":true,"overwriteable":false,"requires_consent":false}]'
)
LIMITS = (
    '"limits":{"limits_per_currency":false,"non_matching_engine":{"burst":478,"rate":20},"matching_engine":'
    '{"trading":{"total":{"burst":20,"rate":5},"options":{"burst":10,"rate":4}},"spot":{"burst":757,"rate":854},'
    '"maximum_mass_quotes":{"burst":10,"rate":10},"cancel_all":{"burst":757,"rate":854}}}'
)
LIMITS_PER_CURRENCY = (
    '"limits":{"limits_per_currency":true,"matching_engine":{"btc":{"trading":{"total":{"burst":20,"rate":5}},'
    '"spot":{"burst":757,"rate":854}},"eth":{"cancel_all":{"burst":757,"rate":854}}}}'
)
FEE = '{"default":{"type":"fixed","taker":0.0005,"maker":-0.0001},"block_trade":0.3}'
SUMMARY = (
    '{"currency":"BTC","balance":423.5,"equity":423,"margin_balance":423.6,"delta_total_map":{"btc_usd":31.6},'
    '"options_vega_map":{},"session_rpl":-0.03,"margin_model":"cross_pm","total_equity_usd":25.7,'
)
LOGIN = '{"access_token":"made-up","refresh_token":"made-up-too","expires_in":294,"token_type":"bearer",'
KEY = '{"timestamp":1787574911862,"id":3,"client_id":"abc","client_secret":"made-up","default":false,'
TRANSFER = (
    '{"id":2,"created_timestamp":1752760189555,"type":"subaccount","currency":"BTC","amount":0.2,'
    '"other_side":"desk_2","state":"prepared","direction":"payment","updated_timestamp":1752760189555}'
)
WITHDRAWAL = (
    '{"address":"tb1q","amount":0.5,"confirmed_timestamp":null,"created_timestamp":1797971147104,"currency":"BTC",'
    '"fee":0.0001,"id":1,"priority":0.15,"state":"unconfirmed","transaction_id":null,"nonce":"once-only"}'
)
DEPOSIT = (
    '{"currency":"BTC","address":"tb1q","amount":5,"state":"completed","transaction_id":null,"note":"gift"}'
)
ADDRESS = (
    '{"currency":"BTC","address":"bc1q","type":"withdrawal","label":"home","creation_timestamp":1797465075291,'
    '"waiting_timestamp":1770342366712,"requires_confirmation":true,"agreed":true,"status":"waiting"}'
)
BENEFICIARY = (
    '{"currency":"BTC","address":"bc1q","tag":null,"user_id":7,"agreed":true,"created":1776842684656}'
)
BLOCK = '{"id":"61","timestamp":1732122330792,"trades":[' + FILL + '],"broker_code":"brk"}'
PARTY = (
    '{"user_id":"****540","client_id":2,"client_name":"Fund","client_link_id":2,"client_link_name":"Fund a"}'
)
USAGE = '{"1":{"pct":12.5,"used":3,"cooldown_start":null,"cooldown_end":null},"rwa":{"pct":5,"used":0.5}}'
SETTLEMENTS = (
    '{"settlements":[{"type":"settlement","timestamp":1726859952890,"session_profit_loss":0.1,"profit_loss":-1e-09,'
    '"position":886,"mark_price":7661.16,"instrument_name":"BTC-26MAR27","index_price":8603.43},'
    '{"type":"bankruptcy","timestamp":1726859952890,"session_bankruptcy":1,"funded":0.5,"socialized":0.5}],'
    '"continuation":"next"}'
)

ANSWERS: list[tuple[Any, str]] = [
    # the session
    (t.Login, LOGIN + '"scope":"connection trade:read","sid":"s1","enabled_features":[]}'),
    (t.CancelOnDisconnect, '{"scope":"account","enabled":false}'),
    (t.Version, '{"version":"1.2.26"}'),
    (t.Status, '{"locked":"partial","locked_indices":["btc_usd"]}'),
    (t.Status, '{"locked":true,"locked_currencies":["BTC"]}'),
    # the market
    (
        t.OrderBookSnapshot,
        '{"timestamp":1713721590109,"stats":{"volume":93.3,"price_change":0.7,"low":3815.75,"high":null},'
        '"state":"open","settlement_price":1139.85,"open_interest":45.2,"min_price":7245.2,"max_price":6711.7,'
        '"mark_price":8777.9,"last_price":null,"instrument_name":"BTC-PERPETUAL","index_price":5121.4,'
        '"change_id":647280,"bids":[[4852.75,30],[3815.75,1.02e5]],"asks":[],"best_ask_price":0,"best_ask_amount":0}',
    ),
    (t.TradesPage, '{"trades":[' + TRADE + '],"has_more":true}'),
    (
        list[t.BookSummary],
        '[{"volume":0.55,"underlying_price":908.3,"underlying_index":"index_price","quote_currency":"USD",'
        '"price_change":null,"open_interest":0.5,"mid_price":null,"mark_price":80,"low":null,"last":0.34,'
        '"instrument_name":"ETH-26MAR27-514-P","high":0.34,"creation_timestamp":1785253888539,"bid_price":null}]',
    ),
    (
        list[t.Currency],
        '[{"coin_type":"BITCOIN","currency":"BTC","currency_long":"Bitcoin","min_confirmations":1,"decimals":8,'
        '"withdrawal_fee":0.0001,"withdrawal_priorities":[{"value":0.15,"name":"very_low"}],"network_fee":1e-4}]',
    ),
    (t.ContractSize, '{"contract_size":10}'),
    (t.IndexLevel, '{"index_price":43633.81,"estimated_delivery_price":43633.81}'),
    (list[str | t.IndexName], '["btc_eth",{"name":"btc_usd","future_combo_creation_enabled":true}]'),
    (t.Expirations, '{"future":["4DEC26","PERPETUAL"],"option":[]}'),
    (t.Expirations, '{"btc":{"option":["4DEC26"]},"eth":{"future":["PERPETUAL"]}}'),
    (
        t.FundingChart,
        '{"current_interest":0.005,"interest_8h":0.004,"data":'
        '[{"timestamp":1776842684656,"index_price":9750.8,"interest_8h":-9.2e-05}]}',
    ),
    (
        list[t.FundingRate],
        '[{"timestamp":1704743957551,"index_price":9750.8,"prev_index_price":4137.7,"interest_8h":-9.2e-05,'
        '"interest_1h":-4.7e-07}]',
    ),
    (list[t.Point], "[[1735379907511,14.7],[1763726516761,15]]"),
    (list[t.TradeVolumes], '[{"currency":"BTC","puts_volume":48,"calls_volume":322,"futures_volume":6.2}]'),
    (
        t.TradingViewChart,
        '{"volume":[19.0,20],"cost":[12972.0,85288],"ticks":[1720018263304,1734839548620],"status":"ok",'
        '"open":[6798.4,7828.2],"low":[3880.9,8290.6],"high":[3227.4,2805.8],"close":[9887.9,2803.5]}',
    ),
    (t.TradingViewChart, '{"volume":[],"ticks":[],"status":"no_data","open":[]}'),
    (t.VolatilityCandles, '{"data":[[1734018780175,0.21,0.22,0.2,0.21]],"continuation":null}'),
    (t.DeliveryPrices, '{"data":[{"date":"2025-11-21","delivery_price":5788.2}],"records_total":58}'),
    (t.YieldHistory, '{"data":[{"day":88384,"apr":2.8}],"continuation":93726}'),
    # trading
    (t.OrderPlaced, '{"order":' + ORDER + ',"trades":[' + FILL + "]}"),
    (list[t.Order] | t.OrdersPage, '{"orders":[' + ORDER + '],"continuation":"next"}'),
    (list[t.Order] | t.OrdersPage, "[" + ORDER + "]"),
    (t.UserTradesPage, '{"trades":[' + FILL + '],"has_more":false}'),
    (int | list[t.CancelReport], '[{"order":' + ORDER + '},{"currency":"BTC","type":"limit","result":[]}]'),
    (int | list[t.CancelReport], "4"),
    (
        t.MassQuoteResult,
        '{"orders":[' + ORDER + '],"trades":[],"errors":[{"instrument_name":"BTC-PERPETUAL","side":"bid",'
        '"error":{"code":26751,"message":"price_too_high 46134.4288"}}],"pending_requests":[]}',
    ),
    (t.MassQuoteResult, '{"errors_count":1,"pending_requests_count":0}'),
    (t.Margins, '{"buy":0.02,"sell":0,"min_price":2252.8,"max_price":5273.2}'),
    (
        list[t.OrderMargin],
        '[{"order_id":"ETH-267232","initial_margin":0.0009,"initial_margin_currency":"ETH"}]',
    ),
    (t.SettlementsPage, SETTLEMENTS),
    (
        t.TriggerOrderHistory,
        '{"entries":[{"trigger":"index","timestamp":1768656355150,"trigger_price":6877,"trigger_order_id":"SLMS-165",'
        '"order_state":"new","request":"trigger:order","price":"market_price","order_id":"994811","offset":411,'
        '"instrument_name":"BTC-PERPETUAL","amount":10,"direction":"buy"}],"continuation":"5402.SLMS-165"}',
    ),
    (t.LegPrices, '{"legs":[' + LEG + '],"amount":2}'),
    (
        list[t.MovedPosition] | t.PositionMove,
        '{"trades":[{"target_uid":23,"source_uid":3,"price":0.12,"instrument_name":"BTC-PERPETUAL",'
        '"direction":"sell","amount":0.1}]}',
    ),
    (
        list[t.MovedPosition] | t.PositionMove,
        '[{"target_uid":23,"instrument_name":"BTC-PERPETUAL","amount":526}]',
    ),
    (
        list[t.MmpConfig] | t.MmpConfig,
        '[{"index_name":"btc_usd","mmp_group":"bot","interval":60,"frozen_time":0,"quantity_limit":0.5}]',
    ),
    (list[t.MmpConfig] | t.MmpConfig, '{"index_name":"all","interval":60,"block_rfq":true}'),
    (list[t.MmpStatus], '[{"index_name":"btc_usd","frozen_until":1746288975140,"mmp_group":"bot"}]'),
    # the account
    (t.AccountSummary, SUMMARY + DETAILS + "," + LIMITS + "," + '"fees":{"btc_usd":{"option":' + FEE + "}}}"),
    (
        t.AccountSummaries,
        "{" + DETAILS + ',"summaries":[' + SUMMARY + LIMITS_PER_CURRENCY + ',"fees":'
        '[{"index_name":"btc_usd","kind":"perpetual","value":' + FEE + "}]}]}",
    ),
    (
        list[t.Subaccount],
        '[{"email":"desk@example.com","id":2,"is_password":true,"margin_model":"segregated_sm","portfolio":'
        '{"eth":{"currency":"eth","equity":5,"balance":5.5},"btc":{"currency":"btc","spot_reserve":0}},'
        '"system_name":"desk","security_keys_assignments":[],"type":"main","username":"desk"}]',
    ),
    (list[t.SubaccountDetails], '[{"uid":3,"positions":[' + POSITION + '],"open_orders":[' + ORDER + "]}]"),
    (
        t.TransactionLogPage,
        '{"logs":[{"username":"desk","user_seq":3614,"user_id":7,"type":"transfer","trade_id":null,'
        '"timestamp":1701419314170,"side":"-","price":null,"position":null,"info":"free","id":68649,'
        '"equity":3083.9,"currency":"BTC","commission":null,"change":-2.5,"balance":2240.2}],"continuation":null}',
    ),
    (
        list[t.MarginModelChange],
        '[{"old_state":{"maintenance_margin_rate":0,"initial_margin_rate":0.4,"available_balance":0.5},'
        '"new_state":{"available_balance":0.9},"currency":"btc"}]',
    ),
    # who may use it
    (t.ApiKey, KEY + '"max_scope":"account:read trade:read_write","enabled":true,"name":"desk"}'),
    (list[t.ApiKey], "[" + KEY + '"max_scope":["account:read"],"ip_whitelist":[],"enabled_features":[]}]'),
    (
        list[t.AccessLogEntry] | t.AccessLogPage,
        '[{"id":45,"ip":"334.0.2.1","timestamp":1748347824504,"log":"success","city":"Town","data":"word"}]',
    ),
    (
        list[t.AccessLogEntry] | t.AccessLogPage,
        '{"records_total":34,"data":[{"id":45,"timestamp":1748347824504,"result":"success"}]}',
    ),
    (
        list[t.CurrencyLock],
        '[{"message":"locked","locked":true,"currency":"BTC"},{"enabled":false,"currency":"ETH"}]',
    ),
    (list[t.AccountCurrency], '[{"currency":"BTC"}]'),
    (
        t.Members,
        '{"members":[{"member_id":1,"name":"Ann","is_active":true}],"is_direct_access_allowed":true}',
    ),
    (t.AffiliateProgram, '{"received":{"eth":4.5,"btc":0.5},"number_of_affiliates":1,"is_enabled":true}'),
    (dict[str, t.RewardEligibility], '{"usdc":{"eligibility_status":"non_eligible","apr_sma7":4}}'),
    # the wallet
    (
        t.DepositAddress,
        '{"address":"tb1q","creation_timestamp":1700088387371,"currency":"BTC","type":"deposit"}',
    ),
    (t.DepositsPage, '{"count":1,"data":[' + DEPOSIT + "]}"),
    (t.WithdrawalsPage, '{"count":1,"data":[' + WITHDRAWAL + "]}"),
    (t.TransfersPage, '{"count":2,"data":[' + TRANSFER + "]}"),
    (list[t.AddressBookItem], "[" + ADDRESS + "]"),
    (t.AddressBeneficiariesPage, '{"data":[' + BENEFICIARY + '],"continuation":"next","count":1}'),
    (
        list[t.CustodyAccount],
        '[{"name":"keeper","currency":"BTC","client_id":"cid","balance":0.5,"pending_withdrawal_balance":0.1,'
        '"withdrawals_require_security_key":false,"auto_deposit":false}]',
    ),
    # blocks and brokers
    (t.BlockRfqsPage, '{"block_rfqs":[' + RFQ + '],"continuation":null}'),
    (
        t.BlockRfqTradesPage,
        '{"block_rfqs":[{"id":7786,"timestamp":1784335326502,"combo_id":null,"legs":[' + LEG + "],"
        '"amount":12.5,"direction":"sell","mark_price":0.01,"index_prices":{"btc_usd":96091.5}}],"continuation":"17:65"}',
    ),
    (
        t.BlockRfqAccepted,
        '{"block_trades":['
        + BLOCK
        + '],"trade_trigger":{"state":"untriggered","price":0.01,"direction":"buy"}}',
    ),
    (
        t.BlockRfqUserInfo,
        '{"parent":{"identity":"MAKER1","is_maker":true},"users":[{"user_id":1,"taker_rating":98.5}]}',
    ),
    (t.BlockTradeSignature, '{"signature":"made-up"}'),
    (
        list[t.BrokerClient],
        '[{"client_id":1,"client_name":"Fund","links":[{"client_link_id":2,"user_id":"***9","state":"linked"}]}]',
    ),
    (
        list[t.BrokerTradeRequest],
        '[{"timestamp":1701462016849,"state":"activated","trades":[{"amount":4407,"direction":"buy","price":32470.8,'
        '"instrument_name":"BTC-PERPETUAL"}],"maker":'
        + PARTY
        + ',"taker":{"state":"initial"},"nonce":"n-1"}]',
    ),
    (
        t.BrokerTradesPage,
        '{"history":[{"id":"BLOCK-7","timestamp":1745585304352,"trades":[],"maker":'
        + PARTY
        + '}],"next_start_id":6}',
    ),
    # LSP
    (t.LspParticipantConfig, '{"config":{"enabled":true,"group_limits":{"1":12.5,"rwa":5.5}}}'),
    (
        t.LspParticipants,
        '{"participants":[{"user_id":7,"enabled":true},{"user_id":8,"config":{"enabled":false}}]}',
    ),
    (t.LspUsage, '{"cooldown_period_ms":15617,"groups":' + USAGE + "}"),
    (
        t.LspParticipantsUsage,
        '{"cooldown_period_ms":15617,"participants":[{"user_id":7,"groups":' + USAGE + "}]}",
    ),
]
