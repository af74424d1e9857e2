"""The weekly report by mail: made once a week per client, approved where that is wanted, sent once to each."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string

from integrations.services import system_mail
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Invalid
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access
from project.tenancy.models import Client, Organization
from reporting import selectors
from reporting.filters import Filters, Period
from reporting.models import ReportMail, ReportMailPlan, ReportRecipient, RollupState

MOST_RECIPIENTS: Final = 50
#: What stands in a made report for each recipient's own link.
LEAVE: Final = "%LEAVE%"
State = ReportMail.State


def plan_of(client: Client) -> ReportMailPlan:
    """The client's plan, or the defaults (not stored)."""
    found: ReportMailPlan = ReportMailPlan.objects.filter(client=client).first() or ReportMailPlan(
        client=client
    )
    return found


@transaction.atomic
def set_plan(
    *, access: Access, client: Client, is_on: bool, weekday: int, hour: int, needs_approval: bool
) -> ReportMailPlan:
    """Say when the report leaves, in the client's zone. Raises ``Invalid``."""
    if not 0 <= weekday <= 6:
        raise Invalid("A weekday is 0 (Monday) to 6.", field="weekday")
    if not 0 <= hour <= 23:
        raise Invalid("An hour is 0 to 23.", field="hour")
    wanted: dict[str, Any] = {
        "is_on": is_on, "weekday": weekday, "hour": hour, "needs_approval": needs_approval,
    }  # fmt: skip
    row: ReportMailPlan = ReportMailPlan.objects.update_or_create(client=client, defaults=wanted)[0]
    audit.record(actor=access.user, action="report_mail.planned", client_id=client.id, **wanted)
    return row


@transaction.atomic
def add_recipient(*, access: Access, client: Client, address: str) -> ReportRecipient:
    """Send the report to somebody from now on. Raises ``Invalid``, also for whoever has left by their own link."""
    address = address.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid("That is no mail address.", field="address") from error
    if ReportRecipient.objects.filter(client=client).count() >= MOST_RECIPIENTS:
        raise Invalid(f"At most {MOST_RECIPIENTS} people get a report.", field="address")
    row, is_new = ReportRecipient.objects.get_or_create(client=client, address=address)
    if row.left_at is not None:
        raise Invalid("This person has said that they want no report.", field="address")
    if is_new:
        audit.record(
            actor=access.user, action="report_mail.recipient_added", client_id=client.id, recipient=address
        )
    found: ReportRecipient = row
    return found


@transaction.atomic
def remove_recipient(*, access: Access, recipient: ReportRecipient) -> None:
    """Send it to somebody no more. Whoever has left stays known, so that nobody adds them by mistake."""
    if recipient.left_at is None:
        audit.record(
            actor=access.user, action="report_mail.recipient_removed", client_id=recipient.client_id,
            recipient=recipient.address,
        )  # fmt: skip
        recipient.delete()


def leave(token: str) -> bool:
    """Whoever holds the link of a mail gets no more; harmless twice. Says whether the link is known."""
    with platform_scope("leave a weekly report"):
        row = ReportRecipient.objects.filter(token=token).first()
    if row is None:
        return False
    with organization_scope(row.organization_id), transaction.atomic():
        ReportRecipient.objects.filter(id=row.id, left_at=None).update(left_at=now(), updated_at=now())
    return True


def is_recipient(token: str) -> bool:
    """Whether a link belongs to somebody."""
    with platform_scope("look at the link of a weekly report"):
        return bool(ReportRecipient.objects.filter(token=token).exists())


def due() -> list[tuple[UUID, UUID]]:
    """(organization, client) whose report of last week is to be made now, once all of that week is counted.

    Runs over all organizations.
    """
    plans = ReportMailPlan.objects.filter(is_on=True, client__is_archived=False, organization__is_active=True)
    made = set(
        ReportMail.objects.filter(week__gte=now().date() - timedelta(days=15)).values_list(
            "client_id", "week"
        )
    )
    counted = dict(RollupState.objects.values_list("organization_id", "counted_at"))
    found = []
    for plan in plans.select_related("client").order_by("id"):
        local = now().astimezone(ZoneInfo(plan.client.time_zone))
        monday = local.date() - timedelta(days=local.weekday())
        is_time = (local.weekday(), local.hour) >= (plan.weekday, plan.hour)
        counted_at = counted.get(plan.organization_id)
        if counted_at is None or counted_at < datetime.combine(monday, time(), local.tzinfo):
            continue
        if is_time and (plan.client_id, monday - timedelta(days=7)) not in made:
            found.append((plan.organization_id, plan.client_id))
    return found


@transaction.atomic
def make(client_id: UUID) -> ReportMail | None:
    """Make last week's report of a client, and send it unless somebody is to read it before. Once a week."""
    client = Client.objects.get(id=client_id)
    plan = plan_of(client)
    local = now().astimezone(ZoneInfo(client.time_zone))
    week = local.date() - timedelta(days=local.weekday() + 7)
    content = written(client, week)
    mail, is_new = ReportMail.objects.get_or_create(client=client, week=week, defaults=content)
    if not is_new:
        return None
    if not plan.needs_approval:
        _send(mail)
    found: ReportMail = mail
    return found


def preview(client: Client) -> dict[str, str]:
    """Last week's report as it would leave now; nothing is made or sent."""
    local = now().astimezone(ZoneInfo(client.time_zone))
    return written(client, local.date() - timedelta(days=local.weekday() + 7))


def written(client: Client, week: date) -> dict[str, str]:
    """Subject, text and HTML of a week's report."""
    zone = ZoneInfo(client.time_zone)
    period = Period(week, week + timedelta(days=6), zone)
    given = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    report = selectors.client_report(client, Filters.of(given, zone))
    organization = Organization.objects.get(id=client.organization_id)
    context = {
        **report,
        "organization": organization,
        "url": f"{settings.PUBLIC_URL.rstrip('/')}/o/{organization.slug}/reports/clients/{client.id}/",
    }
    return {
        "subject": f"{client}: {report['people']['positive']} positive replies, {week:%-d %B} to {period.last:%-d %B}",
        "text": render_to_string("reporting/mail/weekly.txt", context),
        "html": render_to_string("reporting/mail/weekly.html", context),
    }


@transaction.atomic
def approve(*, access: Access, mail: ReportMail) -> ReportMail:
    """Let a report leave. Harmless twice."""
    if compare_and_set(
        ReportMail.objects.filter(id=mail.id, state=State.WAITING), state=State.SENT, decided_by=access.user
    ):
        audit.record(actor=access.user, action="report_mail.approved", subject=mail, client_id=mail.client_id)
        _send(mail)
    return mail.refreshed()


@transaction.atomic
def drop(*, access: Access, mail: ReportMail) -> ReportMail:
    """Do not send a report that waits."""
    if compare_and_set(
        ReportMail.objects.filter(id=mail.id, state=State.WAITING),
        state=State.DROPPED,
        decided_by=access.user,
    ):
        audit.record(actor=access.user, action="report_mail.dropped", subject=mail, client_id=mail.client_id)
    return mail.refreshed()


def key_of(mail: ReportMail, recipient: str) -> str:
    """What a mail is known by in the outbox: the same report to the same recipient is sent once."""
    return f"report:{mail.id}:{recipient}"


def _send(mail: ReportMail) -> None:
    """Put it into the outbox, once for each recipient: the key of each mail names both."""
    recipients = list(ReportRecipient.objects.filter(client_id=mail.client_id, left_at=None))
    for recipient in recipients:
        link = f"{settings.PUBLIC_URL.rstrip('/')}/r/leave/{recipient.token}"
        system_mail.send(
            to=recipient.address,
            subject=mail.subject,
            text=mail.text.replace(LEAVE, link),
            html=mail.html.replace(LEAVE, link),
            kind="weekly_report",
            key=key_of(mail, str(recipient.id)),
            headers={
                "List-Unsubscribe": f"<{link}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )
    ReportMail.objects.filter(id=mail.id).update(
        state=State.SENT, sent_at=now(), sent_to=len(recipients), updated_at=now()
    )
