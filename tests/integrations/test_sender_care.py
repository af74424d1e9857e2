"""How well accounts are: health, freeze dates, the records of mail domains."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from integrations import freezes, health_selectors
from integrations.errors import ErrorKind, ProviderError
from integrations.freezes import Freeze
from integrations.health import by_share
from integrations.mail.authentication import MAILERS, NamesSilent, check
from integrations.models import Channel, MailDomain, SenderAccount
from integrations.sandbox.names import texts
from integrations.services import failures, freezing, mail_domains, warmups
from integrations.services.rates import day_of
from integrations.tasks import check_due_mail_domains
from project.core.clock import now
from project.core.refusals import Invalid, Refused
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.integrations.conftest import Room
from tests.integrations.limits.conftest import MakeSender, make_sender

__all__ = ["make_sender"]
STOCKHOLM = ZoneInfo("Europe/Stockholm")


# --- freezes --------------------------------------------------------------------------------------------


def test_freezes_that_meet_end_together_and_days_are_the_accounts_own() -> None:
    known = (Freeze(date(2026, 12, 23), date(2026, 12, 27)), Freeze(date(2026, 12, 28), date(2027, 1, 3)))
    inside = datetime(2026, 12, 22, 23, 30, tzinfo=UTC)  # the 23rd in Stockholm already
    assert freezes.ends_at(known, inside, STOCKHOLM) == datetime(2027, 1, 3, 23, 0, tzinfo=UTC)
    assert freezes.ends_at(known, inside, UTC) is None
    assert freezes.frozen_days(known, date(2026, 12, 25), date(2027, 1, 2)) == 8


def test_a_freeze_holds_campaigns_and_no_answers_of_people(room: Room) -> None:
    with room.scope():
        today = day_of(room.sender, now())
        freezing.freeze(
            sender=room.sender, first=today, last=today + timedelta(days=2), reason="Fair", actor=None
        )
        sender = SenderAccount.objects.select_related("connection").get()
        hold = freezing.hold(sender, now())
        assert hold is not None
        assert "Fair" in hold.reason
        assert hold.until is not None
        assert freezing.hold(sender, hold.until) is None
        room.queue(origin="reply", body="An answer")
    room.hints.run_all()
    assert [entry["text"] for entry in room.world.sent] == ["An answer"]
    with room.scope():
        freezing.thaw(sender=sender, key=freezing.of(sender)[0].key, actor=None)
        assert freezing.hold(sender.refreshed(), now()) is None
        assert AuditEntry.objects.filter(action__in=["sender.frozen", "sender.thawed"]).count() == 2
        with pytest.raises(Refused):
            freezing.thaw(sender=sender, key="2026-01-01..2026-01-02", actor=None)


@pytest.mark.parametrize(
    ("first", "last", "field"), [(3, 1, "last"), (-9, -8, "last"), (0, 400, "last"), (900, 901, "first")]
)
def test_days_that_make_no_sense_are_refused(room: Room, first: int, last: int, field: str) -> None:
    with room.scope():
        today = day_of(room.sender, now())
        with pytest.raises(Invalid) as refused:
            freezing.freeze(
                sender=room.sender, first=today + timedelta(first), last=today + timedelta(last), actor=None
            )
        assert refused.value.field == field
        assert room.sender.refreshed().freezes == []


def test_a_warm_up_stands_still_on_frozen_days(room: Room) -> None:
    with room.scope():
        today = day_of(room.sender, now())
        warmups.start(sender=room.sender, kind="linkedin", started_on=today - timedelta(days=6), actor=None)
        assert warmups.stages_of([room.sender])[room.sender.id].day == 7
        room.sender.freezes = [Freeze(today - timedelta(days=4), today - timedelta(days=2)).stored()]
        room.sender.save()
        assert warmups.stages_of([room.sender])[room.sender.id].day == 4


# --- records --------------------------------------------------------------------------------------------


class Records:
    """Names with their records; what is not there does not exist, ``None`` is not answered."""

    def __init__(self, **records: list[str] | None) -> None:
        self.records = {name.replace("__", "."): found for name, found in records.items()}

    def texts(self, name: str) -> list[str]:
        found = self.records.get(
            name.removesuffix(".example.com").removesuffix("example.com").rstrip(".") or "root", []
        )
        if found is None:
            raise NamesSilent(name)
        return found


KEY = "v=DKIM1; k=rsa; p=<the public key of your mail provider>"
POLICY = "v=DMARC1; p=none; rua=mailto:dmarc@example.com"
GOOGLE = [MAILERS["google"]]
SIGNED = {"google___domainkey": ["v=DKIM1; k=rsa; p=abc"], "_dmarc": ["v=DMARC1; p=reject"]}


@pytest.mark.parametrize(
    ("records", "kind", "verdict", "value"),
    [
        ({"root": ["v=spf1 include:_spf.google.com ~all"]}, "spf", "ok", ""),
        ({"root": ["other=1"]}, "spf", "missing", "v=spf1 include:_spf.google.com ~all"),
        ({"root": ["v=spf1 mx -all"]}, "spf", "weak", "v=spf1 mx include:_spf.google.com -all"),
        ({"root": ["v=spf1 mx +all"]}, "spf", "wrong", "v=spf1 mx ~all"),
        ({"root": ["v=spf1 mx -all", "v=spf1 a ~all"]}, "spf", "wrong", "v=spf1 mx a ~all"),
        ({"root": ["v=spf1 " + " ".join(f"a:h{n}.test" for n in range(11))]}, "spf", "wrong", ""),
        ({"root": None}, "spf", "unknown", ""),
        (SIGNED, "dkim", "ok", ""),
        ({"google___domainkey": ["v=DKIM1; p="]}, "dkim", "wrong", KEY),
        ({}, "dkim", "missing", KEY),
        (SIGNED, "dmarc", "ok", ""),
        ({"_dmarc": ["v=DMARC1; rua=mailto:x@example.com"]}, "dmarc", "wrong", POLICY),
        ({}, "dmarc", "missing", POLICY),
    ],
)  # fmt: skip
def test_records_are_judged_and_the_right_one_is_given(
    records: Any, kind: str, verdict: str, value: str
) -> None:
    found = next(one for one in check("example.com", GOOGLE, Records(**records)) if one.kind == kind)
    assert (found.verdict, found.value) == (verdict, value)
    assert found.sentence


def test_a_subdomain_has_the_policy_of_the_domain_above() -> None:
    class Above:
        def texts(self, name: str) -> list[str]:
            return ["v=DMARC1; p=quarantine"] if name == "_dmarc.example.com" else []

    assert check("mail.example.com", [], Above())[2].verdict == "ok"


def test_a_check_is_asked_for_done_in_the_background_and_kept(
    room: Room, make_sender: MakeSender, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sandbox:
        def texts(self, name: str) -> list[str]:
            return texts(name)

    monkeypatch.setattr(mail_domains, "names", Sandbox)
    with room.scope():
        sender = make_sender(channel=Channel.EMAIL, address="ada@nordwind.example")
    client.force_login(room.agency.manager)
    url = room.agency.url(f"senders/{sender.id}/")
    assert "Not checked yet" in client.get(url).content.decode()
    client.post(f"{url}domain/", headers={"HX-Request": "true"})
    assert "Asking the name service" in client.get(url).content.decode()
    room.hints.run_all()
    page = client.get(url).content.decode()
    assert "The SPF record is in order." in page
    assert "Checked" in page
    with room.scope():
        row = MailDomain.objects.get()
        assert [one["kind"] for one in row.findings] == ["spf", "dkim", "dmarc"]
        assert row.requested_at is None
        MailDomain.objects.update(
            checked_at=now() - timedelta(days=2), findings=[{**row.findings[0], "found": "v=spf1 -all"}]
        )
    with no_scope():
        check_due_mail_domains.run()
    room.hints.run_all()
    with room.scope():
        assert MailDomain.objects.get().changed_at is not None


def test_a_silent_name_service_is_not_held_against_anybody(room: Room, make_sender: MakeSender) -> None:
    with room.scope():
        sender = make_sender(channel=Channel.EMAIL, address="ada@nordwind.example")
        row = mail_domains.request(sender=sender, actor=None)
    room.hints.run_all()
    with room.scope():
        assert {one["verdict"] for one in row.refreshed().findings} == {"unknown"}
        assert health_selectors.health_of([sender])[sender.id].score == 100
        with pytest.raises(Refused):
            mail_domains.request(sender=room.sender, actor=None)


# --- health ---------------------------------------------------------------------------------------------


def test_the_score_is_the_worst_factor_and_names_it(room: Room, client: Browser) -> None:
    with room.scope():
        sender = SenderAccount.objects.select_related("connection").get()
        assert health_selectors.health_of([sender])[sender.id].score == 100
        sender.action_pauses = {"invite": (now() + timedelta(hours=3)).isoformat()}
        sender.save()
        health = health_selectors.health_of([sender])[sender.id]
        assert (health.score, health.worst and health.worst.key) == (50, "throttled")
        sender.status, sender.status_reason = SenderAccount.Status.CREDENTIALS, "Signed out at noon."
        sender.save()
    client.force_login(room.agency.viewer)
    page = client.get(room.agency.url("senders/")).content.decode()
    assert "Signed out at noon." in page
    token = client.get(room.agency.url(f"senders/{room.sender.id}/")).content.decode()
    assert "invite" in token


def test_shares_come_to_figures_that_fall_with_them() -> None:
    figures = [by_share(share, warn=0.03, stop=0.05) for share in (0, 0.01, 0.03, 0.04, 0.05, 0.5)]
    assert figures == [100, 90, 70, 45, 20, 20]


def test_a_freeze_is_set_and_taken_back_on_the_page(room: Room, client: Browser) -> None:
    client.force_login(room.agency.manager)
    url = room.agency.url(f"senders/{room.sender.id}/")
    with room.scope():
        today = day_of(room.sender, now())
    bad = client.post(f"{url}freeze/", {"first": "soon", "last": "", "reason": "Trip"})
    assert bad.status_code == 422
    assert "is not a day" in bad.content.decode()
    assert "Trip" in bad.content.decode()
    given = {"first": today.isoformat(), "last": (today + timedelta(days=1)).isoformat(), "reason": "Trip"}
    assert client.post(f"{url}freeze/", given).status_code == 303
    assert "Frozen now." in client.get(url).content.decode()
    assert "Frozen" in client.get(room.agency.url("senders/")).content.decode()
    client.post(f"{url}thaw/", {"key": f"{given['first']}..{given['last']}"})
    assert "None to come." in client.get(url).content.decode()


def test_refusals_of_the_provider_count_for_a_day(room: Room) -> None:
    with room.scope():
        sender = SenderAccount.objects.select_related("connection").get()
        for _ in range(3):
            failures.note(
                ProviderError(ErrorKind.VALIDATION, "No.", provider="unipile"),
                connection_id=sender.connection_id,
                organization_id=sender.organization_id,
                account_id=sender.provider_account_id,
                route="send_message",
            )
        health = health_selectors.health_of([sender])[sender.id]
        assert health.worst is not None
        assert (health.worst.key, health.score) == ("refusals", 80)
