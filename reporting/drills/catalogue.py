"""The drills: what each breaks, by what it is to be noticed, and how it is mended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from integrations.models import OutboundMessage, WebhookDelivery
from integrations.services import connections, sync
from project.core.embedded.runtime import Process
from reporting.drills.ground import Ground
from reporting.drills.outreach import Outreach
from reporting.drills.provider_run import ProviderRunOutreach
from reporting.models import Alert

#: How many calls of the changed shape nobody can read.
STRANGE: Final = 3


@dataclass
class Struck:
    """A run that is struck: where, which, and what was there before."""

    ground: Ground
    outreach: Outreach
    ended: dict[str, Process] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill. ``lasts`` is how long it stays broken (real seconds; 0 where the installation mends it by itself).

    ``ripe`` says when to strike, ``noticed`` whether the installation has noticed. To pass, it has to be noticed within
    ``notice_within`` of the strike and all to be as undisturbed within ``back_within`` of the mending (seconds). If it
    ``outlives_workers``, ``SEND_LEASE_SECONDS`` are added: nobody else may touch what a dead worker had on its way.
    ``world`` is the outreach that is played.
    """

    name: str
    title: str
    strike: Callable[[Struck], None]
    noticed: Callable[[Struck], bool]
    mend: Callable[[Struck], None] = lambda struck: struck.ground.mend()
    ripe: Callable[[Struck], bool] = lambda struck: bool(struck.outreach.sent())
    lasts: float = 0.0
    notice_within: float = 60.0
    back_within: float = 60.0
    outlives_workers: bool = False
    world: type[Outreach] = Outreach
    runbook: str = ""

    @property
    def limit_s(self) -> float:
        """How soon all has to be as undisturbed here."""
        return self.back_within + (settings.SEND_LEASE_SECONDS if self.outlives_workers else 0)


def _alerted(*kinds: str) -> Callable[[Struck], bool]:
    return lambda struck: bool(Alert.objects.filter(kind__in=kinds).exists())


def _missed(name: str, check: str) -> Callable[[Struck], bool]:
    """Whether a killed part was missed: the supervisor has noted its end, or the health check of it fails."""

    def noticed(struck: Struck) -> bool:
        return struck.ground.process(name) != struck.ended[name] or check in struck.ground.complaints()

    return noticed


def _restart_database(struck: Struck) -> None:
    """Its fast shutdown: whoever is connected is cut off, open transactions are rolled back."""
    struck.ended["postgres"] = struck.ground.kill("postgres", signal.SIGINT)


def _lose_redis(struck: Struck) -> None:
    """What it holds is gone first: the embedded server would read it back from its file."""
    if struck.ground.process("redis") is not None:
        struck.ground.empty_redis()
    struck.ended["redis"] = struck.ground.kill("redis", signal.SIGKILL)


def _revoke(struck: Struck) -> None:
    struck.ground.revoke_key(struck.outreach.key)


def _new_token(struck: Struck) -> None:
    """What the runbook has an administrator do: a new token is entered and tested."""
    outreach = struck.outreach
    outreach.key = f"{outreach.key}-new"
    struck.ground.allow_key(outreach.key)
    actor = outreach.access.user
    changed = connections.replace_credentials(
        connection=outreach.connection.refreshed(), credentials={"api_key": outreach.key}, actor=actor
    )
    connections.try_out(connection=changed, actor=actor)


def _disorder(struck: Struck) -> None:
    struck.ground.fault("duplicate", copies=2)
    struck.ground.fault("reorder", window=3)


def _came_again(struck: Struck) -> bool:
    rows = WebhookDelivery.objects.filter(connection_id=struck.outreach.connection.id, duplicates__gt=0)
    return bool(rows.exists())


def _reshape(struck: Struck) -> None:
    for variant in (
        "is_sender_absent",
        "participants",
        "no_public_identifier",
        "unknown_fields",
        "no_content_type",
    ):
        struck.ground.fault("shape", on="webhook", variant=variant)
    # The first few tell of messages under a name that no adapter knows: only polling can read what they told.
    struck.ground.fault(
        "shape", on="webhook", event="message_received", variant="renamed_event", times=STRANGE
    )


def _campaign_down(struck: Struck) -> None:
    """Nothing is answered and nothing told; once it is mended all is told three times, the last first."""
    struck.ground.fault("status", provider="smartlead", path="*", status=503)
    struck.ground.fault("duplicate", provider="smartlead", copies=2)
    struck.ground.fault("reorder", provider="smartlead", window=10_000)
    _poll_too(struck)


def _slow_down(struck: Struck) -> None:
    struck.ground.fault("slow_answer", method="POST", seconds=4)


def _in_flight(struck: Struck) -> bool:
    """Slow the provider down, and wait until a send is on its way that has left and is not known to have."""
    if not struck.outreach.sent():
        return False
    if not struck.ended:
        _slow_down(struck)
        struck.ended["slowed"] = Process(0, 0.0)
    sending = OutboundMessage.State.SENDING
    rows = OutboundMessage.objects.filter(sender=struck.outreach.sender)
    known = rows.filter(state=OutboundMessage.State.SENT).count()
    return bool(rows.filter(state=sending).exists()) and sum(struck.outreach.sent().values()) > known


def _kill_worker(struck: Struck) -> None:
    struck.ended["worker-live"] = struck.ground.kill("worker-live", signal.SIGKILL)
    struck.ground.mend()


def _poll_too(struck: Struck) -> None:
    sync.request(sender=struck.outreach.sender, resource="messages", trigger="drill")


def _answer(**answer: Any) -> Callable[[Struck], None]:
    def strike(struck: Struck) -> None:
        struck.ground.fault("status", path="/api/v1/*", **answer)
        _poll_too(struck)

    return strike


DRILLS: dict[str, Drill] = {
    drill.name: drill
    for drill in (
        Drill(
            name="token_revoked",
            title="The provider refuses our token; an administrator enters a new one",
            strike=_revoke,
            noticed=_alerted("provider_terminal", "not_working"),
            mend=_new_token,
            lasts=8.0,
            runbook="token-revoked.md",
        ),
        Drill(
            name="webhooks_disordered",
            title="Webhooks come three times each, and backwards",
            strike=_disorder,
            noticed=_came_again,
            lasts=6.0,
            runbook="webhooks-disordered.md",
        ),
        Drill(
            name="provider_down",
            title="The provider answers 503 for ten minutes",
            strike=_answer(status=503),
            noticed=_alerted("provider_burst"),
            lasts=600.0,
            # What it may have taken at its last moment is certain two minutes later, when its records lag no more; the
            # half minute before is the circuit's pause, the one after it what is left of the conversations.
            back_within=180.0,
            runbook="provider-down.md",
        ),
        Drill(
            name="campaign_provider_down",
            title="The provider of a running campaign answers 503, then tells everything three times and backwards",
            strike=_campaign_down,
            noticed=_alerted("provider_burst"),
            lasts=60.0,
            world=ProviderRunOutreach,
            runbook="campaign-provider-down.md",
        ),
        Drill(
            name="rate_limit_storm",
            title="The provider answers 429 to everything",
            strike=_answer(status=429, retry_after="3"),
            noticed=_alerted("provider_burst"),
            lasts=8.0,
            runbook="rate-limit-storm.md",
        ),
        Drill(
            name="shape_changed",
            title="Webhooks lack and add fields, and some come under a name that nobody knows",
            strike=_reshape,
            noticed=_alerted("webhook_shapes"),
            lasts=8.0,
            # What they told is polled for every INBOUND_POLL_SECONDS (50), and asked for every ten.
            back_within=120.0,
            runbook="shape-changed.md",
        ),
        Drill(
            name="redis_restarted",
            title="Redis is killed and comes back empty-handed",
            strike=_lose_redis,
            noticed=_missed("redis", "redis"),
            runbook="redis-restarted.md",
        ),
        Drill(
            name="worker_killed",
            title="The worker is killed while a message is on its way",
            strike=_kill_worker,
            noticed=_missed("worker-live", "worker-live"),
            ripe=_in_flight,
            # As for ``provider_down``: whether the provider took what was on its way is certain after two minutes, if
            # its records do not show it before.
            back_within=180.0,
            outlives_workers=True,
            runbook="worker-killed.md",
        ),
        Drill(
            name="database_restarted",
            title="PostgreSQL is restarted under load",
            strike=_restart_database,
            noticed=_missed("postgres", "database"),
            runbook="database-restarted.md",
        ),
    )
}
