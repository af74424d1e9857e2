"""``memory``: a whole installation, idle: its memory, its second start, its stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from project.core.bench import BenchOptions, BenchResult, Target, median_of
from project.core.embedded.trial import Installation

#: The smallest thing that could serve a page with the same framework.
_BARE = """
import psutil
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
import django
django.setup()
import daphne.server
print(psutil.Process().memory_full_info().pss / 2**20)
"""
_SETTLE_SECONDS = 10.0


def measure(options: BenchOptions) -> BenchResult:
    """Start, settle, weigh and stop an installation; the first start (migrations) is not counted."""
    rounds = []
    parts: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="outbound-bench-", ignore_cleanup_errors=True) as folder:
        installation = Installation(Path(folder) / "data")
        try:
            first = installation.start()
            installation.end()
            for number in range(1 if options.quick else 3):
                options.say(f"memory: round {number + 1}")
                started = installation.start()
                time.sleep(0.5 if options.quick else _SETTLE_SECONDS)
                weight = installation.memory()
                parts = installation.memory_by_part()
                rounds.append({"idle_mib": weight, "start_s": started, "stop_s": installation.end()})
        finally:
            installation.end(signal.SIGKILL)
    figures = median_of(rounds)
    bare = float(
        subprocess.run([sys.executable, "-c", _BARE], capture_output=True, check=True, text=True).stdout
    )
    return BenchResult(
        name="memory",
        figures={
            **figures,
            "first_start_s": first,
            "parts_mib": parts,
            "idle_to_bare": figures["idle_mib"] / bare,
        },
        baseline={"bare_django_process_mib": bare},
        ratios=figures,
        targets={
            "idle_mib": Target(1.2 * 1024, "at_most"),
            "start_s": Target(10.0, "at_most"),
            "stop_s": Target(10.0, "at_most"),
        },
    )
