"""``manage.py bench [NAME]``: measure, and compare with what has to be reached."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules

from project.core import bench


class Command(BaseCommand):
    """Run one benchmark, or all; the last line of output is one JSON object with ``--json``."""

    help = "Run benchmarks. Exits 0 when every target is met, 1 when one is missed, 2 for an unknown name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("name", nargs="?", default="", help="which benchmark; all without a name")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        parser.add_argument("--quick", action="store_true", help="one short round, to try the benchmark")
        parser.add_argument("--list", action="store_true", help="print the names and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and print."""
        autodiscover_modules("benchmarks", "bench")
        if options["list"]:
            self.stdout.write("\n".join(bench.names()))
            return
        chosen = [options["name"]] if options["name"] else bench.names()
        how = bench.BenchOptions(quick=options["quick"], say=self.stderr.write)
        results = []
        for name in chosen:
            try:
                result = bench.run(name, how)
            except bench.UnknownBenchmark as error:
                self.stderr.write(str(error))
                sys.exit(2)
            results.append(result)
            self._print(result)
        ok = all(result.ok for result in results)
        if options["json"]:
            body = results[0].as_dict() if options["name"] else _all(results, ok=ok)
            self.stdout.write(json.dumps(body))
        if not ok:
            sys.exit(1)

    def _print(self, result: bench.BenchResult) -> None:
        self.stdout.write(f"{result.name}: {'ok' if result.ok else 'short'}")
        for key, measured in result.ratios.items():
            target = result.targets.get(key)
            wanted = f"{target.bound.replace('_', ' ')} {target.value:g}" if target else ""
            mark = "" if target is None or target.is_met(measured) else "  MISSED"
            self.stdout.write(f"  {key:<28} {measured:>12.4g}  {wanted}{mark}")


def _all(results: list[bench.BenchResult], *, ok: bool) -> dict[str, Any]:
    return {"name": "all", "benchmarks": [result.as_dict() for result in results], "ok": ok}
