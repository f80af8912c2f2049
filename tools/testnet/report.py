"""Tells of results: a line for each as it ends, a table, and a file with the evidence.

Knows: results. Must not know: how they came about. Every line goes through the mask once more, whatever
it is made of.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.testnet.checks import Check
from tools.testnet.masking import Mask
from tools.testnet.running import Result
from tools.testnet.verdicts import Finding, Verdict

_VERDICT_WIDTH = max(len(verdict.value) for verdict in Verdict)


class Report:
    """The results of one run, in the order in which they came."""

    def __init__(self, url: str, checks: Sequence[Check], mask: Mask) -> None:
        self._url = url
        self._checks = checks
        self._mask = mask
        self._results: dict[str, Result] = {}
        self._began = datetime.now(UTC)
        self._width = max((len(check.name) for check in checks), default=0)

    def tell(self, result: Result) -> None:
        """Keep a result, and print a line for each of its findings."""
        self._results[result.check.name] = result
        for name, finding in result.findings.items():
            full_name = f"{result.check.name}/{name}" if name else result.check.name
            self._line(finding.verdict.value, full_name, finding.seen)

    def table(self) -> None:
        """Print what each check said of what, and how many said so."""
        print()
        self._line("verdict", "check", "facts and claim")
        for check in self._checks:
            verdict, share = _summed(self._results.get(check.name))
            self._line(verdict, check.name, f"{check.facts}: {check.claim}{share}")
        counts = ", ".join(f"{self.count(verdict)} {verdict.value}" for verdict in Verdict)
        unended = len(self._checks) - len(self._results)
        print(f"\n{counts}" + (f"; {counted(unended)} did not end" if unended else ""), flush=True)

    def count(self, verdict: Verdict) -> int:
        """How many findings have a verdict."""
        findings = (one for result in self._results.values() for one in result.findings.values())
        return sum(finding.verdict is verdict for finding in findings)

    def write(self, path: Path) -> None:
        """Write results and frames as JSON."""
        text = json.dumps(self._evidence(), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    def _evidence(self) -> dict[str, Any]:
        return {
            "url": self._url,
            "began": self._began.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "checks": [
                {
                    "name": result.check.name,
                    "facts": result.check.facts,
                    "claim": result.check.claim,
                    "seconds": round(result.seconds, 3),
                    "findings": [self._found(name, one) for name, one in result.findings.items()],
                    "frames": result.frames,
                }
                for result in self._results.values()
            ],
        }

    def _found(self, name: str, finding: Finding) -> dict[str, str]:
        words = self._mask.words
        return {"of": words(name), "verdict": finding.verdict.value, "seen": words(finding.seen)}

    def _line(self, verdict: str, name: str, text: str) -> None:
        line = f"{verdict:{_VERDICT_WIDTH}}  {name:{self._width}}  {text}"
        print(self._mask.words(line), flush=True)


def counted(checks: int) -> str:
    """So many checks, in words."""
    return f"{checks} check{'' if checks == 1 else 's'}"


def _summed(result: Result | None) -> tuple[str, str]:
    """REFUTED if any finding is, else CONFIRMED if any is; and how many say what where they differ."""
    if result is None:
        return "not ended", ""
    counts = Counter(finding.verdict for finding in result.findings.values())
    order = (Verdict.REFUTED, Verdict.CONFIRMED, Verdict.UNDECIDED)
    present = [verdict for verdict in order if counts[verdict]]
    shares = ", ".join(f"{counts[verdict]} {verdict.value.lower()}" for verdict in present)
    return present[0].value, f" ({shares})" if len(present) > 1 else ""
