"""The weekly report by mail: made once a week per client, approved where that is wanted, sent once to each."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from email.utils import formataddr, parseaddr
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string

from integrations.domain_events import SystemMailRefused
from integrations.services import system_mail
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.ids import parse_uuid
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
#: What these mails are called in the outbox.
KIND: Final = "weekly_report"
State = ReportMail.State
Left = ReportRecipient.Left


def plan_of(client: Client) -> ReportMailPlan:
    """The client's plan, or the defaults (not stored)."""
    found: ReportMailPlan = ReportMailPlan.objects.filter(client=client).first() or ReportMailPlan(
        client=client
    )
    return found


@transaction.atomic
def set_plan(
    *,
    access: Access,
    client: Client,
    is_on: bool,
    weekday: int,
    hour: int,
    needs_approval: bool,
    reply_to: str = "",
) -> ReportMailPlan:
    """Say when the report leaves, in the client's zone, and whom answers go to (nobody). Raises ``Invalid``.

    Switched on after its hour of this week, it leaves for the first time at that of the next.
    """
    if not 0 <= weekday <= 6:
        raise Invalid("A weekday is 0 (Monday) to 6.", field="weekday")
    if not 0 <= hour <= 23:
        raise Invalid("An hour is 0 to 23.", field="hour")
    reply_to = reply_to.strip().lower()
    if reply_to:
        _valid(reply_to, field="reply_to")
    wanted: dict[str, Any] = {
        "is_on": is_on, "weekday": weekday, "hour": hour, "needs_approval": needs_approval, "reply_to": reply_to,
    }  # fmt: skip
    before = plan_of(client)
    on_since = before.on_since if before.is_on else now()
    row: ReportMailPlan = ReportMailPlan.objects.update_or_create(
        client=client, defaults={**wanted, "on_since": on_since if is_on else None}
    )[0]
    audit.record(actor=access.user, action="report_mail.planned", client_id=client.id, **wanted)
    return row


def _valid(address: str, *, field: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid("That is no mail address.", field=field) from error


_KEPT_OUT: Final = {
    Left.CHOICE: "This person has said that they want no report.",
    Left.COMPLAINED: "This person has marked the report as unwanted; their provider would hold it against all mail.",
    Left.BOUNCED: "Mail to this address comes back for good.",
}


@transaction.atomic
def add_recipient(*, access: Access, client: Client, address: str) -> ReportRecipient:
    """Send the report to somebody from now on, also to whom the agency had removed.

    Raises ``Invalid``, also for whoever has left by their own link, marked it as unwanted, or cannot be reached.
    """
    address = address.strip().lower()
    _valid(address, field="address")
    if ReportRecipient.objects.filter(client=client, left_at=None).count() >= MOST_RECIPIENTS:
        raise Invalid(f"At most {MOST_RECIPIENTS} people get a report.", field="address")
    row, is_new = ReportRecipient.objects.get_or_create(client=client, address=address)
    if row.left_at is not None:
        if row.left_because != Left.REMOVED:
            raise Invalid(_KEPT_OUT[Left(row.left_because or Left.CHOICE)], field="address")
        row.left_at, row.left_because, is_new = None, "", True
        row.save(update_fields=["left_at", "left_because", "updated_at"])
    if is_new:
        audit.record(
            actor=access.user, action="report_mail.recipient_added", client_id=client.id, recipient=address
        )
    found: ReportRecipient = row
    return found


@transaction.atomic
def remove_recipient(*, access: Access, recipient: ReportRecipient) -> None:
    """Send it to somebody no more. They stay known: the link in mails that they have goes on to work."""
    if _left(recipient.id, Left.REMOVED):
        audit.record(
            actor=access.user, action="report_mail.recipient_removed", client_id=recipient.client_id,
            recipient=recipient.address,
        )  # fmt: skip


def _left(recipient_id: UUID, because: ReportRecipient.Left) -> bool:
    """Note that somebody gets no more, and why; what came first stays. Their own word replaces the agency's."""
    rows = ReportRecipient.objects.filter(id=recipient_id)
    open_rows = rows.filter(Q(left_at=None) | Q(left_because=Left.REMOVED))
    if because == Left.REMOVED:
        open_rows = rows.filter(left_at=None)
    return bool(open_rows.update(left_at=now(), left_because=because, updated_at=now()))


def on_refused(event: SystemMailRefused) -> None:
    """Whoever marked a report as unwanted, or cannot be reached, gets no more."""
    recipient_id = parse_uuid(event.key.rpartition(":")[2]) if event.kind == KIND else None
    if recipient_id is not None:
        with platform_scope("a weekly report was refused"):
            _left(recipient_id, Left.COMPLAINED if event.is_complaint else Left.BOUNCED)


def leave(token: str) -> bool:
    """Whoever holds the link of a mail gets no more; harmless twice. Says whether the link is known."""
    with platform_scope("leave a weekly report"):
        row = ReportRecipient.objects.filter(token=token).first()
    if row is None:
        return False
    with organization_scope(row.organization_id), transaction.atomic():
        _left(row.id, Left.CHOICE)
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
        hour = datetime.combine(monday + timedelta(days=plan.weekday), time(plan.hour), local.tzinfo)
        is_time = hour <= local and (plan.on_since is None or plan.on_since <= hour)
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
    """Put it into the outbox, once for each recipient: the key of each mail names both.

    It leaves from the installation's address in the agency's name, and answers go where the plan says.
    """
    organization = Organization.objects.get(id=mail.organization_id)
    sender = formataddr((organization.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    reply_to = plan_of(mail.client).reply_to
    recipients = list(ReportRecipient.objects.filter(client_id=mail.client_id, left_at=None))
    for recipient in recipients:
        link = f"{settings.PUBLIC_URL.rstrip('/')}/r/leave/{recipient.token}"
        system_mail.send(
            to=recipient.address,
            subject=mail.subject,
            text=mail.text.replace(LEAVE, link),
            html=mail.html.replace(LEAVE, link),
            kind=KIND,
            from_email=sender,
            reply_to=reply_to,
            key=key_of(mail, str(recipient.id)),
            headers={
                "List-Unsubscribe": f"<{link}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )
    ReportMail.objects.filter(id=mail.id).update(
        state=State.SENT, sent_at=now(), sent_to=len(recipients), updated_at=now()
    )
