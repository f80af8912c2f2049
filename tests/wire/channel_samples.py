"""One message's data for each of the 52 patterns, made up by us, oddities included.

Knows: what the exchange may send, every documented field of each payload at least once. Must not know the
package: these are literal texts, so that a field that is lost can't be lost on both sides.
"""

STATS = (
    '"stats":{"high":null,"low":9.1e4,"price_change":-1.25,"volume":12.5,"volume_usd":1e6,'
    '"volume_notional":1000000}'
)
OF_A_TICKER = (
    '"state":"open",' + STATS + ',"index_price":92000.5,"last_price":null,"settlement_price":91000,'
    '"min_price":90000.0,"max_price":94000,"open_interest":250.5,"mark_price":%s,"interest_value":1.5e-3,'
    '"best_ask_price":null,"best_bid_price":0,"estimated_delivery_price":"expired","best_ask_amount":null,'
    '"best_bid_amount":0.0,"current_funding":0,"funding_8h":-4.0e-7,"delivery_price":92011.25,'
    '"underlying_price":3.2e4,"underlying_index":"SYN.BTC-25DEC26","interest_rate":0,"bid_iv":0.0,'
    '"ask_iv":120,"mark_iv":61.5,"greeks":{"delta":0.5,"gamma":1e-05,"rho":-0.0,"theta":-12.5,"vega":40},'
    '"is_anchor_breached":false,"anchor_min_price":90500,"anchor_max_price":93500.5'
)
TICKER = '{"timestamp":1790000000000,"instrument_name":"BTC-25DEC26-90000-C",' + OF_A_TICKER % "-4.0e-7" + "}"
INCREMENTAL = (
    '{"type":"snapshot","timestamp":1790000000000,"instrument_name":"BTC-25DEC26-90000-C",'
    + OF_A_TICKER % "0.07"
    + "}"
)
BOOK = (
    '{"timestamp":1790000000000,"type":"change","change_id":193809650259,"instrument_name":"SOL_USDC-PERPETUAL",'
    '"bids":[["new",0.11374,1054.0],["delete",1.1344e-1,0]],"asks":[],"prev_change_id":0}'
)
GROUPED = (
    '{"timestamp":1790000000000,"change_id":0,"instrument_name":"ETH-PERPETUAL","bids":[[3000.05,12],[3e3,1.5]],'
    '"asks":[]}'
)
TRADE = (
    '{"timestamp":1790000000001,"iv":41.5,"price":%s,"amount":10,"direction":"sell","index_price":92001,'
    '"instrument_name":"%s","trade_seq":271252854,"mark_price":0.0175,"tick_direction":3,%s'
    '"contracts":1.0,"trade_id":"ETH-2696097","combo_trade_id":"244365193","liquidation":"MT",'
    '"block_trade_id":"BLOCK-77","block_trade_leg_count":2,"block_rfq_id":11,'
    '"starbase_match_id":225046781992378369,"starbase_timestamp":1790000000001718924,'
    '"combo_id":"BTC-CS-25DEC26-90000_95000"}'
)
LEG = TRADE % ("0.0174", "BTC-25DEC26-90000-C", "")
COMBO = TRADE % ("-5.0e-4", "BTC-CS-25DEC26-90000_95000", '"legs":[' + LEG + "],")
TRADES = f"[{COMBO}]"
ORDER = (
    '{"label":"","price":"market_price","user_id":96103,"amount":0.001,"direction":"buy",'
    '"time_in_force":"good_til_cancelled","instrument_name":"ETH_USDC-PERPETUAL","web":false,"api":true,'
    '"mobile":false,"order_id":"USDC-104819327443","creation_timestamp":1790000000000,"replaced":true,'
    '"filled_amount":0.0,"last_update_timestamp":1790000000002,"post_only":true,"reduce_only":false,'
    '"cancel_reason":"oco_other_closed","average_price":0,"trigger_price":2228,"trigger":"mark_price",'
    '"trigger_offset":2.5e1,"trigger_reference_price":2250.5,"trigger_order_id":"USDC-SLMB-19641",'
    '"triggered":false,"mmp":true,"mmp_group":"default","mmp_cancelled":false,"contracts":1.0,'
    '"reject_post_only":false,"order_state":"untriggered","order_type":"stop_market",'
    '"original_order_type":"market_limit","is_liquidation":false,"is_rebalance":false,"risk_reducing":false,'
    '"display_amount":0.0005,"refresh_amount":0.0005,"max_show":10,"advanced":"implv","implv":61.5,"usd":120,'
    '"block_trade":false,"auto_replaced":false,"quote":true,"quote_set_id":"7","quote_id":"8",'
    '"app_name":"an app","oto_order_ids":["OTO-10838714"],"trigger_fill_condition":"first_hit",'
    '"oco_ref":"OCO-1","primary_order_id":"USDC-1","is_secondary_oto":false,"is_primary_otoco":true,"profit_loss":-1.2e-6,'
    '"commission":0,"starbase_order_id":225046781992378370,"starbase_last_update_timestamp":1790000000002718924,'
    '"main_uid":1000,"isolated":true}'
)
USER_TRADE = (
    '{"label":"an intent","timestamp":1790000000001,"iv":41.5,"state":"filled","price":%s,"user_id":10580,'
    '"amount":10,"direction":"buy","index_price":92035.22,"underlying_price":92100,"instrument_name":"%s",'
    '"trade_seq":39,"api":false,"mark_price":9.203541e4,"order_id":"74365704227","matching_id":null,'
    '"tick_direction":0,"profit_loss":null,"post_only":"false","reduce_only":false,"self_trade":false,'
    '"mmp":false,%s"combo_id":"BTC-FS-25DEC26_PERP","combo_trade_id":1154,"contracts":1.0,"trade_id":"208465104",'
    '"fee_currency":"BTC","fee":-5.0e-8,"order_type":"liquidation","original_order_type":"market",'
    '"risk_reducing":false,"liquidity":"T","liquidation":"T","advanced":"usd","block_trade_id":"154",'
    '"block_rfq_id":11,"block_rfq_quote_id":12,"quote_set_id":"7","quote_id":"8",'
    '"trade_allocations":[{"user_id":5,"amount":10}],"starbase_match_id":225046781992378369,'
    '"starbase_timestamp":1790000000001718924,"starbase_order_id":225046781992378370,"main_uid":1000,'
    '"isolated":true}'
)
USER_LEG = USER_TRADE % ("20008.5", "BTC-PERPETUAL", "")
COMBO_TRADE = USER_TRADE % ("-12", "BTC-FS-25DEC26_PERP", f'"legs":[{USER_LEG}],')
POSITION = (
    '{"total_profit_loss":1.69711368,"size_currency":-1.5e-4,"size":-10,"settlement_price":16025.83,'
    '"realized_profit_loss":0,"realized_funding":0.0,"mark_price":17391,"maintenance_margin":0.25,"leverage":50,'
    '"kind":"future","interest_value":1.75,"instrument_name":"BTC-PERPETUAL","initial_margin":0.5,'
    '"index_price":17501.88,"floating_profit_loss":-0.5,"floating_profit_loss_usd":-1e4,"direction":"zero",'
    '"delta":10.5,"gamma":0,"vega":-3.5,"theta":12,"average_price":15000,"average_price_usd":0,'
    '"estimated_liquidation_price":null,"open_orders_margin":0,"user_id":96103}'
)
CHANGES = (
    f'{{"trades":[{COMBO_TRADE}],"positions":[{POSITION}],"orders":[{ORDER}],'
    '"instrument_name":"BTC-PERPETUAL"}'
)
INSTRUMENT = (
    '{"price_index":"btc_usd","rfq":false,"kind":"option","instrument_name":"BTC-25DEC26-90000-C",'
    '"option_type":"call","strike":9e4,"max_leverage":1,"max_non_default_leverage":1,"maker_commission":-0.0001,'
    '"taker_commission":3.0e-4,"instrument_type":"reversed","expiration_timestamp":1798185600000,'
    '"creation_timestamp":1790000000000,"is_active":true,"tick_size":0.0001,"contract_size":1,'
    '"instrument_id":584639,"min_trade_amount":0.1,"future_type":"reversed","max_liquidation_commission":0.0075,'
    '"block_trade_commission":0.00015,"block_trade_min_trade_amount":25,"block_trade_tick_size":0.0001,'
    '"settlement_currency":"BTC","settlement_period":"month","base_currency":"BTC","counter_currency":"USD",'
    '"quote_currency":"BTC","tick_size_steps":[{"above_price":0.005,"tick_size":5e-4}],"state":"open",'
    '"timestamp":1790000000000}'
)
PORTFOLIO = (
    '{"total_maintenance_margin_usd":0.0,"projected_initial_margin":1.1,"total_delta_total_usd":-2,'
    '"options_gamma_map":{"btc_usd":1e-05},"options_session_rpl":0,"options_session_upl":-0.0058,'
    '"futures_session_rpl":-0.03,"estimated_liquidation_ratio_map":{"btc_usd":0.1},'
    '"estimated_liquidation_ratio":0.1,"fee_balance":0,"projected_maintenance_margin":0.75,"session_upl":0.05,'
    '"projected_delta_total":32.6,"initial_margin":1.25,"options_pl":-0.0058,"options_vega_map":{},'
    '"margin_balance":302.5,"balance":302.6,"maintenance_margin":0.9,"total_initial_margin_usd":1.2e5,'
    '"additional_reserve":0,"locked_balance":0.0,"options_value":-0.0079,"options_delta":-1.02,'
    '"margin_model":"cross_pm","portfolio_margining_enabled":true,"options_gamma":0,"available_funds":301,'
    '"cross_collateral_enabled":true,"delta_total":31.6,"options_theta_map":{"btc_usd":16,"btc_usdc":-1},'
    '"spot_reserve":0,"total_equity_usd":2.8e7,"options_theta":15,"futures_session_upl":0.06,'
    '"delta_total_map":{"btc_usd":31.5},"session_rpl":-0.03,"futures_pl":-0.3,'
    '"available_withdrawal_funds":301.25,"options_vega":0.08,"equity":302.6,"total_pl":-0.33,"currency":"BTC",'
    '"total_margin_balance_usd":2.79e7}'
)
CONFIRMATION = (
    '{"nonce":"bt-1","role":"taker","user_id":7,"username":"a maker","app_name":"an app","broker_code":"b",'
    '"broker_name":"a broker","combo_id":"BTC-FS-25DEC26_PERP",'
    '"state":{"value":"initial","timestamp":1790000000000},'
    '"counterparty_state":{"value":"approved","timestamp":1790000000001},'
    '"trades":[{"instrument_name":"BTC-PERPETUAL","price":70246.66,"direction":"buy","amount":10}],'
    '"timestamp":1790000000002}'
)
HEDGE = '"hedge":{"amount":10,"instrument_name":"BTC-PERPETUAL","direction":"sell","price":92000}'
OFFER = (
    '{"amount":25,"price":0.01,"makers":["ANONYMOUS"],"last_update_timestamp":1790000000001,'
    '"execution_instruction":"all_or_none","expires_at":1790000010000}'
)
FILL = '{"amount":25,"direction":"buy","price":1e-2,"maker":"A","hedge_amount":10}'
RFQ = (
    '{"label":"mine","app_name":"an app","state":"filled","amount":25,"min_trade_amount":25,"role":"taker",'
    f'"bids":[{OFFER}],"asks":[],"combo_id":null,'
    '"legs":[{"direction":"buy","instrument_name":"BTC-25DEC26-90000-C","ratio":1}],' + HEDGE + ","
    '"makers":["A","B"],"creation_timestamp":1790000000000,"block_rfq_id":722,"expiration_timestamp":1790000300000,'
    '"taker_rating":"1-2","included_in_taker_rating":true,"disclosed":true,"taker":"T",'
    '"index_prices":{"btc_usd":92000.5},"mark_price":0.0101,'
    f'"trades":[{FILL}],'
    '"trade_trigger":{"state":"cancelled","price":0.011,"direction":"buy","cancel_reason":"user_request"},'
    '"trade_allocations":[{"user_id":5,"amount":25}]}'
)
RFQ_LEG = '{"price":0.01,"direction":"buy","instrument_name":"BTC-25DEC26-90000-C","ratio":1}'
RFQ_QUOTE = (
    '{"label":"q","app_name":"an app","price":0.01,"direction":"buy",'
    f'"legs":[{RFQ_LEG}],{HEDGE},'
    '"amount":25,"execution_instruction":"any_part_of","block_rfq_id":724,"replaced":false,"filled_amount":0,'
    '"last_update_timestamp":1790000000001,"creation_timestamp":1790000000000,"block_rfq_quote_id":1301,'
    '"quote_state":"cancelled","quote_state_reason":"rfq_expired"}'
)
RFQ_TRADE = (
    '{"id":939,"timestamp":1790000000001,"amount":50,"direction":"sell","combo_id":"BTC-PERPETUAL",'
    f'"legs":[{RFQ_LEG}],{HEDGE},"trades":[{FILL}],"mark_price":95318.72,"index_prices":{{"btc_usd":95300}}}}'
)
LIQUIDATION = (
    '{"state":"lsp_transfer","user_id":57874,"currency":"USDC","instrument_name":"BTC_USDC-PERPETUAL",'
    '"direction":"sell","amount":0.5,"price":63481.75,"commission":1.2,"timestamp":1790000000000,'
    '"margin_balance":1.5,"maintenance_margin":2,"initial_margin":3,"close_out_margin":1,"equity":1.5,'
    '"isolated":true}'
)
LSP = (
    '{"type":"transfer","instrument_name":"BTC-PERPETUAL","direction":"buy","amount":5000,"price":6.3e4,'
    '"currency":"BTC","success":false,"error_reason":"timeout","automatic":true,"failure_count":3,'
    '"window_minutes":10,"configuration":{"limits":[1,2]},"timestamp":1790000000000}'
)

# pattern → (a channel of it, what one message of it carries)
SAMPLES: dict[str, tuple[str, str]] = {
    "platform_state": (
        "platform_state",
        '{"price_index":"sol_usdc","locked":"partial","reasons":["no_price"],"maintenance":false}',
    ),
    "platform_state.public_methods_state": (
        "platform_state.public_methods_state",
        '{"allow_unauthenticated_public_requests":false}',
    ),
    "announcements": (
        "announcements",
        '{"title":"News","publication_timestamp":1790000000000,"important":true,"id":1532593832021,'
        '"confirmation":false,"body":"<p>Müller &amp; ☃</p>","action":"new","unread":2}',
    ),
    "book.{instrument_name}.{interval}": ("book.SOL_USDC-PERPETUAL.raw", BOOK),
    "book.{instrument_name}.{group}.{depth}.{interval}": ("book.ETH-PERPETUAL.5.20.agg2", GROUPED),
    "ticker.{instrument_name}.{interval}": ("ticker.BTC-25DEC26-90000-C.raw", TICKER),
    "incremental_ticker.{instrument_name}": ("incremental_ticker.BTC-25DEC26-90000-C", INCREMENTAL),
    "perpetual.{instrument_name}.{interval}": (
        "perpetual.BTC_USDC-PERPETUAL.100ms",
        '{"index_price":86744.11,"interest":-1.4e-4,"timestamp":1790000000000}',
    ),
    "quote.{instrument_name}": (
        "quote.BTC-PERPETUAL",
        '{"timestamp":1790000000000,"instrument_name":"BTC-PERPETUAL","best_ask_price":null,'
        '"best_bid_price":92288,"best_ask_amount":null,"best_bid_amount":1.3344e5}',
    ),
    "trades.{instrument_name}.{interval}": ("trades.BTC-CS-25DEC26-90000_95000.raw", TRADES),
    "trades.{kind}.{currency}.{interval}": ("trades.option_combo.any.agg2", TRADES),
    "chart.trades.{instrument_name}.{resolution}": (
        "chart.trades.BTC-PERPETUAL.1D",
        '{"tick":1790000000000,"open":87490.0,"high":87500,"low":8.7465e4,"close":87474,"volume":0,"cost":0.0}',
    ),
    "deribit_price_index.{index_name}": (
        "deribit_price_index.btc_usd",
        '{"index_name":"btc_usd","price":9.2e4,"timestamp":1790000000000}',
    ),
    "deribit_price_ranking.{index_name}": (
        "deribit_price_ranking.btc_usd",
        '[{"weight":16.666667,"original_price":41160.5,"price":41160,"identifier":"bitfinex",'
        '"timestamp":1790000000000,"enabled":true},{"weight":0,"original_price":null,"price":null,'
        '"identifier":"gemini","timestamp":null,"enabled":false}]',
    ),
    "deribit_price_statistics.{index_name}": (
        "deribit_price_statistics.drbfix-btc_usdc",
        '{"low24h":58012.08,"index_name":"drbfix-btc_usdc","high24h":59311,"change24h":-1009.61,'
        '"fast_market":false,"high_volatility":true}',
    ),
    "deribit_volatility_index.{index_name}": (
        "deribit_volatility_index.eth_usd",
        '{"volatility":61,"timestamp":1790000000000,"index_name":"eth_usd"}',
    ),
    "estimated_expiration_price.{index_name}": (
        "estimated_expiration_price.btc_usd",
        '{"is_estimated":true,"price":92000,"seconds":1200,"left_ticks":300,"total_ticks":450.0,'
        '"timestamp":1790000000000}',
    ),
    "markprice.options.{index_name}": (
        "markprice.options.btc_usd",
        '[{"timestamp":1790000000000,"mark_price":3.33e-2,"iv":0.9,"instrument_name":"BTC-25DEC26-90000-C"}]',
    ),
    "instrument.creation.{kind}.{currency}": ("instrument.creation.any.any", INSTRUMENT),
    "instrument.state.{kind}.{currency}": (
        "instrument.state.option.BTC",
        '{"timestamp":1790000000000,"state":"delivered","instrument_name":"XRP_USDC-25DEC26-1d02-C"}',
    ),
    "block_trade_confirmations": ("block_trade_confirmations", CONFIRMATION),
    "block_trade_confirmations.{currency}": ("block_trade_confirmations.BTC", CONFIRMATION),
    "block_rfq.maker.{currency}": ("block_rfq.maker.any", RFQ),
    "block_rfq.taker.{currency}": ("block_rfq.taker.BTC", RFQ),
    "block_rfq.maker.quotes.{currency}": ("block_rfq.maker.quotes.BTC", f"[{RFQ_QUOTE}]"),
    "block_rfq.trades.{currency}": ("block_rfq.trades.ETH", RFQ_TRADE),
    "user.access_log": (
        "user.access_log",
        '{"timestamp":1790000000000,"log":"success","ip":"192.0.2.1","id":243343,"country":"Utopia",'
        '"city":"Amaurot","data":{"device":["a",1]}}',
    ),
    "user.lock": ("user.lock", '{"locked":true,"currency":"ALL"}'),
    "user.mmp_trigger.{index_name}": (
        "user.mmp_trigger.btc_usd",
        '{"index_name":"all","frozen_until":0,"mmp_group":"default","block_rfq":true}',
    ),
    "user.portfolio.{currency}": ("user.portfolio.any", PORTFOLIO),
    "user.orders.{instrument_name}.raw": ("user.orders.ETH_USDC-PERPETUAL.raw", ORDER),
    "user.orders.{instrument_name}.{interval}": ("user.orders.ETH_USDC-PERPETUAL.100ms", f"[{ORDER}]"),
    "user.orders.{kind}.{currency}.raw": ("user.orders.any.any.raw", ORDER),
    "user.orders.{kind}.{currency}.{interval}": ("user.orders.future.USDC.agg2", f"[{ORDER},{ORDER}]"),
    "user.trades.{instrument_name}.{interval}": ("user.trades.BTC-PERPETUAL.raw", f"[{USER_LEG}]"),
    "user.trades.{kind}.{currency}.{interval}": ("user.trades.any.any.raw", "[]"),
    "user.combo_trades.{instrument_name}.{interval}": (
        "user.combo_trades.BTC-FS-25DEC26_PERP.100ms",
        f"[{COMBO_TRADE}]",
    ),
    "user.combo_trades.{kind}.{currency}.{interval}": (
        "user.combo_trades.combo.BTC.raw",
        f"[{COMBO_TRADE}]",
    ),
    "user.changes.{instrument_name}.{interval}": ("user.changes.BTC-PERPETUAL.raw", CHANGES),
    "user.changes.{kind}.{currency}.{interval}": (
        "user.changes.any.any.100ms",
        '{"orders":[],"instrument_name":"BTC-PERPETUAL"}',
    ),
    "user.liquidation": ("user.liquidation", LIQUIDATION),
    "user.isolated.liquidation": ("user.isolated.liquidation", LIQUIDATION),
    "user.lsp": ("user.lsp", LSP),
    "user.isolated.orders.{kind}.{currency}.{interval}": ("user.isolated.orders.any.any.raw", f"[{ORDER}]"),
    "user.isolated.orders.{instrument_name}.{interval}": (
        "user.isolated.orders.SOL_USDC-PERPETUAL.agg2",
        f"[{ORDER}]",
    ),
    "user.isolated.trades.{kind}.{currency}.{interval}": (
        "user.isolated.trades.future.USDC.raw",
        f"[{USER_LEG}]",
    ),
    "user.isolated.trades.{instrument_name}.{interval}": (
        "user.isolated.trades.SOL_USDC-PERPETUAL.raw",
        f"[{USER_LEG}]",
    ),
    "user.isolated.changes.{kind}.{currency}.{interval}": ("user.isolated.changes.any.USDC.100ms", CHANGES),
    "user.isolated.changes.{instrument_name}.{interval}": (
        "user.isolated.changes.SOL_USDC-PERPETUAL.100ms",
        CHANGES,
    ),
    "user.isolated.portfolio.{currency}": ("user.isolated.portfolio.USDC", PORTFOLIO),
    "user.position_lock": ("user.position_lock", '{"whatever":[1,null,{"a":2.5}]}'),
    "user.trailing_orders.trigger_price.{currency}": (
        "user.trailing_orders.trigger_price.USDC",
        '{"order_id":"1","trigger_price":null}',
    ),
}
