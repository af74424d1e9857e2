"""What a look at the registered webhooks has found, as it is kept with the connection and told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from integrations import streams
from integrations.domain_events import WebhooksDrifted
from integrations.models import Connection
from integrations.values import WebhookFinding
from project.core.clock import now
from project.core.events import publish


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: one plain sentence for each thing that is wrong, or why it could not be looked at."""

    problems: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Whether everything is as it has to be."""
        return not self.problems and not self.error


def as_json(found: Iterable[WebhookFinding], *, refused: str = "") -> list[dict[str, str]]:
    """Findings as they are kept; ``refused`` is why the provider would not have them mended."""
    kept = []
    for one in found:
        entry = {"problem": one.problem.value, "source": one.source, "message": one.message}
        if refused:
            entry |= {
                "message": f"{one.message} It cannot be mended from here: {refused}",
                "refused": refused,
            }
        kept.append(entry)
    return kept


def refusals(connection: Connection) -> dict[str, str]:
    """Return why the provider would not have things mended that the last look found wrong, by source."""
    return {one["source"]: one["refused"] for one in connection.webhook_findings if one.get("refused")}


def known(connection: Connection) -> Checked:
    """What the last look has found."""
    problems = tuple(one["message"] for one in connection.webhook_findings)
    return Checked(problems, connection.webhooks_check_error)


def keep(connection: Connection, found: list[dict[str, str]], error: str) -> Checked:
    """Store what a look has found, or why there could be none; tell where that is news."""
    checked = Checked(tuple(one["message"] for one in found), error)
    was = known(connection)
    connection.webhook_findings = found
    connection.webhooks_checked_at, connection.webhooks_check_error = now(), error[:2000]
    if error and was.problems:
        # What was wrong when it could be seen is still the best that is known.
        connection.webhook_findings = Connection.objects.get(id=connection.id).webhook_findings
        checked = Checked(was.problems, error)
    with transaction.atomic():
        connection.save(
            update_fields=["webhook_findings", "webhooks_checked_at", "webhooks_check_error", "updated_at"]
        )
        if checked != was:
            problems = checked.problems or ((f"They could not be looked at: {error}",) if error else ())
            publish(WebhooksDrifted(connection=connection, problems=problems))
            streams.endpoints_changed(connection.id)
    return checked
