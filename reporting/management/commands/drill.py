"""``manage.py drill``: break something on purpose, and measure that it is noticed, mended, and that nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from project import env
from project.core.clock import now
from project.core.embedded import runtime
from project.core.embedded.trial import Installation, NotReady
from reporting.drills import ground, playing
from reporting.drills.catalogue import DRILLS, Drill
from reporting.services import drill_runs

#: A started installation: sends a few milliseconds apart, uncertain ones asked about soon.
ENVIRONMENT: Final = {
    "DEMO": "0", "SPEED": "60", "SEND_SPACING_MS_MIN": "10", "SEND_SPACING_MS_MAX": "40", "SEND_LEASE_SECONDS": "20",
}  # fmt: skip
#: What the installation of its own tells of how it goes, among its log.
_TOLD: Final = "drill: "
#: Of what a broken drill wrote, so much of the beginning (the first error) and of the end is shown (characters).
_SHOWN: Final = 3_000


class Command(BaseCommand):
    """Exit status 0 when the drill passed, 1 when it did not (or something of it is left), 2 when it could not be
    played.
    """

    help = "Play a fault drill against the sandbox and score it: detected, recovered, lost, sent twice."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the drill's name and the options."""
        parser.add_argument("name", nargs="?", help="which drill; see --list")
        parser.add_argument("--list", action="store_true", help="name the drills")
        parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        parser.add_argument(
            "--seconds", type=float, help="how long the fault lasts, if not as the drill says"
        )
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
        seconds: float | None = options["seconds"]
        if seconds is not None and seconds <= 0:
            self._refuse("--seconds is how long the fault lasts; give more than 0.")
        if seconds is not None and not drill.lasts:
            self._refuse(f"{drill.name} is over once the installation has mended it; it takes no --seconds.")
        started = now()
        running = runtime.discover(Path(settings.DATA_DIR))
        is_here = running is not None and running.sandbox_url is not None and not options["fresh"]
        try:
            score = self._here(drill, seconds) if is_here else self._elsewhere(drill, seconds)
        except (ground.NoGround, NotReady) as error:
            self._refuse(str(error))
        if running is not None or env.is_set("DATABASE_URL"):
            self._record(score, started_at=started, is_throwaway=not is_here)
        else:
            self.stderr.write(
                f"Nothing runs on {settings.DATA_DIR}, so that the score is on no record there."
            )
        self._tell(score, as_json=options["json"])
        if not score["passed"] or score["left_behind"]:
            sys.exit(1)

    def _here(self, drill: Drill, seconds: float | None) -> dict[str, Any]:
        def tell(sentence: str) -> None:
            self.stderr.write(f"{_TOLD}{sentence}")

        return playing.play(drill, ground.here(), seconds=seconds, tell=tell).as_json()

    def _elsewhere(self, drill: Drill, seconds: float | None) -> dict[str, Any]:
        """Start an installation, play the drill there by this very command, and end it."""
        with tempfile.TemporaryDirectory(prefix="outbound-drill-", ignore_cleanup_errors=True) as folder:
            installation = Installation(Path(folder) / "data", environment=ENVIRONMENT)
            length = [] if seconds is None else ["--seconds", str(seconds)]
            written: list[str] = []
            try:
                took = installation.start(seconds=300)
                self.stderr.write(f"{_TOLD}An installation of its own was started in {took:.0f} s.")
                said = installation.follow(
                    "drill", drill.name, "--json", *length, heard=lambda line: self._hear(line, written)
                )
            except subprocess.CalledProcessError as error:
                said = error.stdout
                self._keep(drill.name, written, installation)
                if error.returncode != 1 or not said.strip():
                    raise ground.NoGround(excerpt("\n".join(written))) from error
            finally:
                installation.end()
        score: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return score

    def _hear(self, line: str, written: list[str]) -> None:
        written.append(line)
        if line.startswith(_TOLD):
            self.stderr.write(line)

    def _keep(self, name: str, written: list[str], installation: Installation) -> None:
        """Keep the logs of a drill that did not pass; the installation is removed."""
        log = Path(settings.DATA_DIR) / "logs" / f"drill-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n".join([*written, "--- the installation ---", installation.output()]))
        self.stderr.write(f"What it wrote is kept in {log}.")

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
        for left in score["left_behind"]:
            self.stderr.write(f"Left behind, {left}")
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


def excerpt(text: str) -> str:
    """Return the beginning and the end of what a command wrote: the first error is at the beginning."""
    text = text.strip()
    if len(text) <= 2 * _SHOWN:
        return text
    return f"{text[:_SHOWN]}\n... {len(text) - 2 * _SHOWN:,} characters ...\n{text[-_SHOWN:]}"
