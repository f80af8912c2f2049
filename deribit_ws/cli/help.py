"""What `--help` says of each command: its purpose, examples, environment and exit statuses.

Knows: words for people, 80 columns of them, in ASCII: a terminal may have no more. Must not know:
options, which `arguments` adds beside these texts, nor how anything is done.
"""

STATUSES = """\
exit status:
  0    done
  1    it did not work: refused, or no answer in time (a dial that fails in
       passing is tried again, by `tail` without end)
  2    it can't work as asked: a wrong option, name or value
  130  ended by SIGINT (Ctrl-C)      143  ended by SIGTERM
  141  the reader of its output left (deribit-ws ... | head -1)
"""
ENVIRONMENT = """\
environment:
  DERIBIT_URL                the default for --url
  DERIBIT_CLIENT_ID          an API key; sent only when something private or
  DERIBIT_CLIENT_SECRET      raw is asked for, and never over plain ws://
                             to another machine
"""
MAIN = f"""\
examples:
  deribit-ws demo
  deribit-ws tail ticker.BTC-PERPETUAL.100ms trades.BTC-PERPETUAL.100ms
  deribit-ws call public/get_order_book instrument_name=BTC-PERPETUAL depth=5
  deribit-ws monitor book.BTC-PERPETUAL.100ms
  deribit-ws record trades.BTC-PERPETUAL.100ms --out day.jsonl.gz --for 1h
  deribit-ws export day.jsonl.gz --to parquet
  deribit-ws simulate --tls

{ENVIRONMENT}
{STATUSES}"""
DEMO = """\
Starts a simulated exchange on loopback and a client that watches it, and lets
the connection drop in many ways. On a terminal it shows a live view (with rich
installed), into a pipe it writes one JSON object per event. The closing account
compares the exchange's ledger with what the client handed out: each trade,
each state of each book, each order.
"""
DEMO_END = """\
examples:
  deribit-ws demo
  deribit-ws demo --seconds 10 --seed 7
  deribit-ws demo | jq 'select(.event == "summary")'

exit status:
  0    the account adds up
  1    it does not: something was missed, doubled or made up, or a book or an
       order was not as the exchange has it
  2    a wrong option
  130  ended by SIGINT (Ctrl-C), 143 by SIGTERM; the account so far is given
  141  the reader of its output left
"""
TAIL = """\
Prints each message of some channels, and stays connected through drops. On a
terminal: a readable line each. Into a pipe, or with --json: one JSON object
each, {"channel", "data" as received, "received_at" in ns since the epoch}.
What happens to the connection is told on stderr.
"""
TAIL_END = f"""\
examples:
  deribit-ws tail ticker.BTC-PERPETUAL.100ms
  deribit-ws tail --testnet trades.option.any.100ms | jq .data[].price
  deribit-ws tail --url ws://127.0.0.1:8080/ws/api/v2 book.ETH-PERPETUAL.100ms

{ENVIRONMENT}
{STATUSES}"""
CALL = """\
Calls one method and prints its result as JSON: indented on a terminal, one
line in a pipe. A value is taken as JSON where it parses, else as a string:
depth=5 is a number, label='"5"' a string. A read is asked again when the
connection drops under it; anything else is sent at most once.
"""
CALL_END = f"""\
examples:
  deribit-ws call public/get_time
  deribit-ws call public/get_instruments currency=BTC kind=option --timeout 60
  deribit-ws call --testnet private/get_position instrument_name=BTC-PERPETUAL

{ENVIRONMENT}
{STATUSES}"""
SIMULATE = """\
Runs the simulated exchange until it is stopped. The first line on stdout is
JSON with its URLs (and the file of its certificate authority, with --tls); the
account to log in with is client id "simulated", secret "secret".

With --from it serves a recording instead of its own market: what was recorded,
byte for byte, at the recorded pace, its drops included. It begins with the
first subscription, and again when everybody has left after its end.
"""
SIMULATE_END = f"""\
examples:
  deribit-ws simulate --port 8080
  deribit-ws simulate --drop-every 10
  deribit-ws simulate --tls     (it says how to trust its certificate)
  deribit-ws simulate --from day.jsonl.gz --speed 10

{STATUSES}"""
MONITOR = """\
Shows whether a feed is healthy: the connection and its drops, round trip, clock
and credits; of each channel its rate, age, lag and gaps; a book's best levels,
and a chart of a price. Into a pipe, or with --plain: lines instead of a screen.
"""
MONITOR_END = f"""\
examples:
  deribit-ws monitor book.BTC-PERPETUAL.100ms trades.BTC-PERPETUAL.100ms
  deribit-ws monitor --testnet deribit_price_index.btc_usd

{ENVIRONMENT}
{STATUSES}"""
RECORD = """\
Writes all that is said on the connection to a file, drops included, as JSON
lines: when, on which link, and the frame as it came. It is compressed if its
name ends in .gz, and never overwritten. However it ends, what was written
before can be read. Secrets are starred. At the end, a summary on stdout.
"""
RECORD_END = f"""\
examples:
  deribit-ws record ticker.BTC-PERPETUAL.100ms --out day.jsonl.gz
  deribit-ws record --testnet book.ETH-PERPETUAL.100ms --out e.jsonl --for 15m
  deribit-ws record quote.BTC-PERPETUAL --out week.jsonl.gz --rotate 1h

{ENVIRONMENT}
{STATUSES}"""
REPLAY = """\
Prints the messages of a recording as `tail` would have, at the pace at which
they came, or faster. The connection's drops are told on stderr.
"""
REPLAY_END = f"""\
examples:
  deribit-ws replay day.jsonl.gz --speed 10
  deribit-ws replay day.jsonl.gz --speed max | jq .data.mark_price

{STATUSES}"""
EXPORT = """\
Turns a recording into tables, one for each kind of channel: ticker, trades,
book, quote and others. Times are UTC. What can't be read goes to a table of
its own, `unreadable`; what happened to the connection is in `connections`.
Parquet has types and nested lists; in CSV a list is a cell of JSON.
"""
EXPORT_END = f"""\
examples:
  deribit-ws export day.jsonl.gz --to parquet           (writes into ./day)
  deribit-ws export day.jsonl.gz --to csv --out tables

{STATUSES}"""
