"""Going through the webhooks of a connection campaign by campaign, where its provider registers them so (Smartlead).

With hundreds of campaigns that takes minutes at the provider's rate: it is work for a task, in turns, with its place
and what it has found so far on the connection's row. A pass looks, or mends as well. One at a time for each connection,
held by a lease; a lost message or a killed worker is found by the sweeper, and what was mended is right by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from integrations import registry, streams
from integrations.backoff import SYNC_CAP, SYNC_FIRST, wait_after
from integrations.base import Capability, RegistersByCampaign, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection
from integrations.services import connections, hygiene_findings
from integrations.services.adapters import adapter_of, credentials_of
from integrations.values import WebhookFinding, WebhookRegistration
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=3)
GRACE: Final = timedelta(seconds=30)
#: Campaigns of one turn; then others have theirs.
AT_ONCE: Final = 40
#: So often in a row a pass waits for a provider that cannot be asked.
MAX_TRIES: Final = 6
#: About one campaign, whatever the others are.
_REFUSALS: Final = frozenset({ErrorKind.VALIDATION, ErrorKind.CONFLICT, ErrorKind.NOT_FOUND})
GOES_ON: Final = (
    "its campaigns are gone through one after the other, for each has webhooks of its own. It goes on by itself, and"
    " Webhooks, Endpoints shows how far it is."
)


def is_by_campaign(connection: Connection) -> bool:
    """Whether a connection's webhooks are registered with each campaign by itself."""
    return registry.can(connection.provider, Capability.REGISTERS_BY_CAMPAIGN)


@transaction.atomic
def request(*, connection: Connection, mend: bool, actor: User | None = None) -> bool:
    """Have the webhooks of all campaigns looked at, or mended; ``False`` if a pass like that is under way already.

    One that only looks becomes one that mends, from its beginning.
    """
    locked: Connection = Connection.objects.select_for_update(of=("self",)).get(id=connection.id)
    if locked.webhooks_pass and (locked.webhooks_pass["mend"] or not mend):
        return False
    began = {"mend": mend, "after": "", "done": 0, "total": None, "found": [], "mended": [], "tries": 0}
    began["actor"] = str(actor.id) if actor is not None else ""
    locked.webhooks_pass, locked.webhooks_pass_until = began, None
    locked.save(update_fields=["webhooks_pass", "webhooks_pass_until", "updated_at"])
    connection.webhooks_pass, connection.webhooks_pass_until = began, None
    streams.endpoints_changed(connection.id)
    _hint(connection.id, connection.organization_id)
    return True


def go_on(connection_id: UUID) -> str:
    """Do a turn of a pass; return ``done``, ``again``, ``later`` or ``failed``, ``""`` if it is not ours."""
    until = now() + LEASE
    free = Q(webhooks_pass_until=None) | Q(webhooks_pass_until__lte=now())
    rows = Connection.objects.filter(id=connection_id).exclude(webhooks_pass={})
    if not compare_and_set(rows.filter(free), webhooks_pass_until=until):
        return ""
    connection: Connection = rows.get()
    try:
        through = _turn(connection)
    except _Outrun:
        return ""
    except ProviderError as error:
        return _stopped(connection, error)
    if through:
        return _ended(connection, "")
    _keep(connection, until=None)
    _hint(connection.id, connection.organization_id)
    return "again"


class _Outrun(Exception):
    """Another worker has taken the pass up, or somebody began it anew."""


def _turn(connection: Connection) -> bool:
    credentials = credentials_of(connection)
    adapter = require(adapter_of(connection, credentials), RegistersByCampaign)
    required = adapter.required_webhooks(
        url=connections.webhook_url(connection), secret=str(credentials.get("webhook_secret", ""))
    )
    place = connection.webhooks_pass
    wanted = sorted(required, key=lambda one: one.source)
    left = [one for one in wanted if one.source > place["after"]]
    place["total"] = len(wanted)
    refusals = hygiene_findings.refusals(connection)
    for want in left[:AT_ONCE]:
        wrong = _looked_at(adapter, want)
        # Why the provider would not take it the last time is still the best that is known.
        refused = refusals.get(want.source, "")
        if wrong and place["mend"]:
            refused = _refused(adapter, wrong)
            if not refused:
                place["mended"].append(f"{want.source}: {wrong[0].problem.value}")
            # What the provider would not take stays wrong, and is said.
            wrong = _looked_at(adapter, want)
        place["found"] += hygiene_findings.as_json(wrong, refused=refused)
        place |= {"after": want.source, "tries": 0}
        place["done"] = sum(one.source <= want.source for one in wanted)
        _keep(connection, until=now() + LEASE)
    return len(left) <= AT_ONCE


def _refused(adapter: RegistersByCampaign, wrong: Sequence[WebhookFinding]) -> str:
    """Mend one campaign's; return why it takes no webhooks (any more), which does not keep the others from theirs."""
    try:
        connections.carry_out(adapter, wrong)
    except ProviderError as error:
        if error.kind not in _REFUSALS:
            raise
        log.info("webhooks.not_taken", source=wrong[0].source, kind=error.kind)
        return error.message
    return ""


def _looked_at(adapter: RegistersByCampaign, want: WebhookRegistration) -> Sequence[WebhookFinding]:
    try:
        registered = adapter.campaign_webhooks(want.source)
    except ProviderError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        # The campaign was deleted since the list was read.
        return ()
    return adapter.check_webhooks(registered=registered, required=(want,))


def _keep(connection: Connection, *, until: Any) -> None:
    """Store how far it is, if it is still ours. Raises ``_Outrun``."""
    held = Connection.objects.filter(id=connection.id, webhooks_pass_until=connection.webhooks_pass_until)
    with transaction.atomic():
        if not compare_and_set(held, webhooks_pass=connection.webhooks_pass, webhooks_pass_until=until):
            raise _Outrun
        streams.endpoints_changed(connection.id)
    connection.webhooks_pass_until = until


def _stopped(connection: Connection, error: ProviderError) -> str:
    """Go on later after a failure of the moment; any other ends the pass, and the page says why."""
    place = connection.webhooks_pass
    place["tries"] += 1
    if not error.transient or place["tries"] > MAX_TRIES:
        return _ended(connection, error.message)
    pause = max(wait_after(place["tries"], first=SYNC_FIRST, cap=SYNC_CAP), error.retry_after or 0)
    try:
        _keep(connection, until=now() + timedelta(seconds=pause))
    except _Outrun:
        return ""
    log.info("webhooks.pass_waits", connection=str(connection.id), kind=error.kind, tries=place["tries"])
    return "later"


def _ended(connection: Connection, error: str) -> str:
    place = connection.webhooks_pass
    held = Connection.objects.filter(id=connection.id, webhooks_pass_until=connection.webhooks_pass_until)
    with transaction.atomic():
        if not compare_and_set(held, webhooks_pass={}, webhooks_pass_until=None):
            return ""
        connection.webhooks_pass, connection.webhooks_pass_until = {}, None
        if place["mended"]:
            audit.record(
                actor=User.objects.filter(id=place["actor"]).first() if place["actor"] else None,
                action="connection.webhooks_mended",
                subject=connection,
                problems=place["mended"],
            )
        hygiene_findings.keep(connection, place["found"], error)
        streams.endpoints_changed(connection.id)
    return "failed" if error else "done"


def forgotten() -> list[tuple[UUID, UUID]]:
    """(connection, organization) of passes that nobody does although they are due (platform scope)."""
    at = now()
    never = Q(webhooks_pass_until=None, updated_at__lte=at - GRACE)
    rows = Connection.objects.exclude(webhooks_pass={}).filter(never | Q(webhooks_pass_until__lte=at))
    return list(rows.order_by("id").values_list("id", "organization_id")[:100])


def _hint(connection_id: UUID, organization_id: UUID) -> None:
    from integrations.tasks import go_through_webhooks  # tasks call services

    enqueue(go_through_webhooks, organization_id=organization_id, connection_id=connection_id)
