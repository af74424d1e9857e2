"""``manage.py drill``: break something on purpose, and measure that it is noticed, mended, and that nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from project.core.clock import now
from project.core.embedded import runtime
from project.core.embedded.trial import Installation, NotReady
from reporting.drills import ground, playing
from reporting.drills.catalogue import DRILLS
from reporting.services import drill_runs

#: A started installation: sends a few milliseconds apart, uncertain ones asked about soon.
ENVIRONMENT = {
    "DEMO": "0", "SPEED": "60", "SEND_SPACING_MS_MIN": "10", "SEND_SPACING_MS_MAX": "40", "SEND_LEASE_SECONDS": "20",
}  # fmt: skip


class Command(BaseCommand):
    """Exit status 0 when the drill passed, 1 when it did not, 2 when it could not be played."""

    help = "Play a fault drill against the sandbox and score it: detected, recovered, lost, sent twice."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the drill's name and the options."""
        parser.add_argument("name", nargs="?", help="which drill; see --list")
        parser.add_argument("--list", action="store_true", help="name the drills")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        parser.add_argument(
            "--fresh", action="store_true", help="start an installation for it, even if one runs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Play one drill where an installation with a sandbox runs, else on one that is started for it."""
        if options["list"]:
            self._list(as_json=options["json"])
            return
        drill = DRILLS.get(options["name"] or "")
        if drill is None:
            self._refuse(f"Name one of: {', '.join(DRILLS)}.")
        started = now()
        running = runtime.discover(Path(settings.DATA_DIR))
        is_here = running is not None and running.sandbox_url is not None and not options["fresh"]
        try:
            score = playing.play(drill, ground.here()).as_json() if is_here else self._elsewhere(drill.name)
        except (ground.NoGround, NotReady) as error:
            self._refuse(str(error))
        if is_here or running is not None:
            self._record(score, started_at=started, is_throwaway=not is_here)
        self._tell(score, as_json=options["json"])
        if not score["passed"]:
            sys.exit(1)

    def _elsewhere(self, name: str) -> dict[str, Any]:
        """Start an installation, play the drill there by this very command, and end it."""
        with tempfile.TemporaryDirectory(prefix="outbound-drill-", ignore_cleanup_errors=True) as folder:
            installation = Installation(Path(folder) / "data", environment=ENVIRONMENT)
            try:
                installation.start(seconds=300)
                said = installation.manage("drill", name, "--json")
            except subprocess.CalledProcessError as error:
                if error.returncode != 1 or not error.stdout.strip():
                    raise ground.NoGround(error.stderr.strip()[-2000:]) from error
                said = error.stdout
            finally:
                installation.end()
        score: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return score

    def _record(self, score: dict[str, Any], **facts: Any) -> None:
        try:
            ground.patiently(lambda: drill_runs.record(score=score, **facts))
        except DatabaseError as error:
            self.stderr.write(f"The score could not be stored: {type(error).__name__}.")

    def _list(self, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({drill.name: drill.title for drill in DRILLS.values()}))
            return
        for drill in DRILLS.values():
            self.stdout.write(f"{drill.name:22}{drill.title}")

    def _tell(self, score: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(score))
            return
        verdict = "passed" if score["passed"] else "FAILED"
        self.stdout.write(
            f"{score['name']} {verdict}: detected in {score['detected_s']} s, recovered in {score['recovered_s']} s, "
            f"lost {score['lost']}, sent twice {score['sent_twice']}"
        )
        for problem in score["problems"]:
            self.stdout.write(f"  {problem}")

    def _refuse(self, message: str) -> NoReturn:
        self.stderr.write(message)
        sys.exit(2)
