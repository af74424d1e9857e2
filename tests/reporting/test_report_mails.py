"""The weekly report by mail: at the client's hour, once, read before where that is wanted, and easy to leave."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client as Browser

from integrations.domain_events import SystemMailRefused
from integrations.models import SystemMail
from integrations.services import system_mail
from project.core.events import publish
from project.core.refusals import Invalid
from project.core.scoping import no_scope, platform_scope
from project.tenancy.access import Access
from reporting.models import ReportMail, ReportRecipient
from reporting.services import report_mails
from tests.campaigns.conftest import WORKING, World
from tests.reporting.conftest import counted
from tests.reporting.test_reports import answered

__all__ = ["answered"]

pytestmark = pytest.mark.django_db

#: The Monday after the week of ``answered``, 07:30 in Stockholm.
MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def access_of(world: World) -> Access:
    return world.agency.access(world.agency.manager)


def plan(world: World, *, needs_approval: bool, reply_to: str = "") -> None:
    client = world.agency.first
    client.time_zone = "Europe/Stockholm"
    client.save()
    report_mails.set_plan(
        access=access_of(world),
        client=client,
        is_on=True,
        weekday=0,
        hour=8,
        needs_approval=needs_approval,
        reply_to=reply_to,
    )
    for name in ("ceo", "sales"):
        report_mails.add_recipient(access=access_of(world), client=client, address=f"{name}@halden.test")


def tick() -> list[Any]:
    with no_scope(), platform_scope("test"):
        return report_mails.due()


def hand_over() -> None:
    with no_scope(), platform_scope("test"):
        for row in SystemMail.objects.filter(kind="weekly_report", state="queued"):
            system_mail.deliver(row.id)


def test_it_leaves_once_at_the_clients_hour(answered: World, time_machine: Any) -> None:
    plan(answered, needs_approval=False, reply_to="Ann@kestrel.test")
    time_machine.move_to(MONDAY, tick=False)
    assert tick() == [], "it is half past seven there"
    time_machine.move_to(MONDAY + timedelta(minutes=31), tick=False)
    assert tick() == [], "what happened on Sunday is not counted yet"
    counted()
    assert tick() == [(answered.agency.id, answered.agency.first.id)]
    for _ in range(2):
        report_mails.make(answered.agency.first.id)
    assert tick() == []
    hand_over()
    hand_over()
    assert sorted(message.to[0] for message in outbox.outbox) == ["ceo@halden.test", "sales@halden.test"]
    message = outbox.outbox[0]
    assert message.from_email.startswith(str(answered.agency.organization.name))
    assert message.reply_to == ["ann@kestrel.test"]
    assert "Positive replies: 1 of 3 contacted" in message.body
    assert "16 November to 22 November" in message.subject
    html = message.alternatives[0][0]  # type: ignore[attr-defined]
    assert "<img" not in html
    assert "%LEAVE%" not in html + message.body


def test_somebody_reads_it_before(answered: World, time_machine: Any, client: Browser) -> None:
    plan(answered, needs_approval=True)
    time_machine.move_to(MONDAY + timedelta(hours=1), tick=False)
    client.force_login(answered.agency.manager)
    base = answered.agency.url(f"reports/clients/{answered.agency.first.id}/mail/")
    assert "Positive replies: 1 of 3 contacted" in client.get(f"{base}preview/").content.decode()
    framed = client.get(f"{base}preview/?part=html")
    assert "style=" in framed.content.decode()
    assert "style-src 'unsafe-inline'" in framed.headers["Content-Security-Policy"]
    assert "sandbox" in framed.headers["Content-Security-Policy"]
    assert not ReportMail.objects.exists(), "looking makes nothing"
    mail = report_mails.make(answered.agency.first.id)
    assert mail is not None
    hand_over()
    assert not outbox.outbox
    page = client.get(answered.agency.url(f"reports/mails/{mail.id}/")).content.decode()
    assert "Positive replies: 1 of 3 contacted" in page
    for _ in range(2):
        client.post(answered.agency.url(f"reports/mails/{mail.id}/decide/"), {"act": "approve"})
    hand_over()
    assert len(outbox.outbox) == 2
    SystemMail.objects.filter(recipient="ceo@halden.test").update(state="bounced", error="No such mailbox")
    page = client.get(base).content.decode()
    assert "ceo@halden.test: bounced, No such mailbox" in page
    assert "1 bounced, 1 sent" in page
    row = ReportMail.objects.get()
    assert (row.state, row.sent_to, row.decided_by) == ("sent", 2, answered.agency.manager)


def test_leaving_takes_one_click_and_holds(answered: World, time_machine: Any) -> None:
    plan(answered, needs_approval=False)
    time_machine.move_to(MONDAY + timedelta(hours=1), tick=False)
    report_mails.make(answered.agency.first.id)
    hand_over()
    message = next(found for found in outbox.outbox if found.to == ["ceo@halden.test"])
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.search(r"<https?://[^/]+(/r/leave/[^>]+)>", message.extra_headers["List-Unsubscribe"])
    assert found is not None
    stranger = Browser(enforce_csrf_checks=True)
    assert "Get no more weekly reports?" in stranger.get(found[1]).content.decode()
    assert ReportRecipient.objects.filter(left_at=None).count() == 2, "looking changes nothing"
    assert stranger.post(found[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    with pytest.raises(Invalid, match="want no report"):
        report_mails.add_recipient(
            access=access_of(answered), client=answered.agency.first, address="CEO@halden.test"
        )
    outbox.outbox.clear()
    time_machine.move_to(MONDAY + timedelta(days=7, hours=1), tick=False)
    report_mails.make(answered.agency.first.id)
    hand_over()
    assert [message.to for message in outbox.outbox] == [["sales@halden.test"]]
    assert stranger.get("/r/leave/unknown").status_code == 404


def test_it_is_not_made_up_for_weeks_before_it_was_on(answered: World, time_machine: Any) -> None:
    time_machine.move_to(MONDAY + timedelta(days=2), tick=False)
    plan(answered, needs_approval=False)
    counted()
    assert tick() == [], "its hour of this week had passed"
    time_machine.move_to(MONDAY + timedelta(days=7, hours=1), tick=False)
    counted()
    assert tick() == [(answered.agency.id, answered.agency.first.id)]


def test_who_refuses_it_or_was_removed_gets_no_more(
    answered: World, time_machine: Any, client: Browser
) -> None:
    plan(answered, needs_approval=False)
    first = answered.agency.first
    time_machine.move_to(MONDAY + timedelta(hours=1), tick=False)
    report_mails.make(first.id)
    keys = {
        row.recipient.partition("@")[0]: row.key for row in SystemMail.objects.filter(kind="weekly_report")
    }
    with no_scope():
        publish(SystemMailRefused(key=keys["ceo"], kind="weekly_report", is_complaint=True))
        publish(SystemMailRefused(key=keys["sales"], kind="password_reset", is_complaint=False))
    left = dict(ReportRecipient.objects.values_list("address", "left_because"))
    assert left == {"ceo@halden.test": "complained", "sales@halden.test": ""}
    with pytest.raises(Invalid, match="marked the report as unwanted"):
        report_mails.add_recipient(access=access_of(answered), client=first, address="ceo@halden.test")
    client.force_login(answered.agency.manager)
    page = client.get(answered.agency.url(f"reports/clients/{first.id}/mail/")).content.decode()
    assert "marked it as unwanted" in page
    sales = ReportRecipient.objects.get(address="sales@halden.test")
    report_mails.remove_recipient(access=access_of(answered), recipient=sales)
    assert Browser().get(f"/r/leave/{sales.token}").status_code == 200, "a mail of before leads somewhere"
    report_mails.add_recipient(access=access_of(answered), client=first, address="sales@halden.test")
    assert list(ReportRecipient.objects.filter(left_at=None)) == [sales]


def test_a_day_that_does_not_exist_is_refused(answered: World, client: Browser) -> None:
    client.force_login(answered.agency.manager)
    base = answered.agency.url(f"reports/clients/{answered.agency.first.id}/mail/")
    assert client.post(f"{base}plan/", {"is_on": "1", "weekday": "9", "hour": "8"}).status_code == 422
    assert client.post(f"{base}recipients/", {"address": "nobody"}).status_code == 422
    assert client.get(base).status_code == 200
    assert WORKING < MONDAY
