"""One contender in a process of its own: `python -m benchmarks.contender NAME URL [OPTIONS]`.

Knows the table. OPTIONS is JSON, see `job.Options`. Prints one line of JSON: what was seen, and how long
it took. `race` starts it.
"""

import asyncio
import gc
import json
import sys
from urllib.parse import parse_qsl, urlsplit

from benchmarks.contenders.table import CONTENDERS
from benchmarks.job import Job, Options, report
from benchmarks.traffic import Prepared


def main() -> None:
    """Run the contender that the command line names."""
    name, url, *rest = sys.argv[1:]
    asked = dict(parse_qsl(urlsplit(url).query))
    options = Options(**json.loads(rest[0])) if rest else Options()
    job = Job(url, Prepared.load(asked["file"]), int(asked["messages"]), options)
    contender = CONTENDERS[name]
    run = contender.load()
    gc.freeze()  # what imports have left is nobody's to go through again and again
    with asyncio.Runner(loop_factory=contender.loop_factory()) as runner:
        count = runner.run(run(job))
    print(json.dumps(report(count)), flush=True)


if __name__ == "__main__":
    main()
