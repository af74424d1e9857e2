"""Sandbox time: prospects and the provider's own rules live on a clock that can be sped up and jumped.

What the APIs *report* is real UTC (``utc_now``), because the product that reads it runs on the real clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from integrations.sandbox.store import Store

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def utc_now() -> datetime:
    """Real UTC time, as the product sees it."""
    return datetime.fromtimestamp(time.time(), tz=UTC)


def iso_ms(moment: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS.sssZ``: the only spelling Unipile takes and gives (docs/providers/unipile.md, 1)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Clock:
    """``sandbox = anchor_sandbox + (real - anchor_real) * speed``, persisted by its two anchors.

    It runs on while the process is down: prospects act at night too, and what is overdue happens at start.
    A speed of 0 freezes it, so that only ``jump`` moves it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.setting("clock")
        if saved is None:
            now = time.time()
            saved = {"real": now, "sandbox": now, "speed": 1.0}
        self._real: float = saved["real"]
        self._sandbox: float = saved["sandbox"]
        self.speed: float = saved["speed"]
        self._save()

    def now(self) -> float:
        """Sandbox time in epoch seconds."""
        return self._sandbox + max(0.0, time.time() - self._real) * self.speed

    def set_speed(self, speed: float) -> None:
        """From now on one real second is ``speed`` sandbox seconds (0 freezes)."""
        self._sandbox, self._real, self.speed = self.now(), time.time(), speed
        self._save()

    def jump(self, seconds: float) -> None:
        """Move sandbox time forward by ``seconds`` at once."""
        self._sandbox, self._real = self.now() + seconds, time.time()
        self._save()

    def real_seconds_until(self, due: float) -> float | None:
        """How long to wait for sandbox time ``due``; ``None`` if a frozen clock never gets there."""
        ahead = due - self.now()
        if ahead <= 0:
            return 0.0
        return ahead / self.speed if self.speed else None

    def describe(self) -> dict[str, object]:
        """The clock as the control API shows it."""
        return {
            "sandbox": iso_ms(datetime.fromtimestamp(self.now(), tz=UTC)),
            "real": iso_ms(utc_now()),
            "speed": self.speed,
        }

    def _save(self) -> None:
        self._store.set_setting("clock", {"real": self._real, "sandbox": self._sandbox, "speed": self.speed})
