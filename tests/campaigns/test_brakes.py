"""Brakes: the arithmetic, what is pulled by what comes back, and how sending goes on."""

# ruff: noqa: E501 (rows that say one thing stay on one line)

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.events import BrakeReleased, SendingBraked
from campaigns.models import Brake, LeadImport, LeadImportLead, SendOutcome
from campaigns.services import brakes
from campaigns.tasks import release_brakes
from campaigns.thresholds import THRESHOLDS, Counts, Level, Signal, in_words, judge
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.ids import uuid7
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING

__all__ = ["post"]

HOUR = timedelta(hours=1)


# --- arithmetic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "signal", "level"),
    [
        (Counts(sends=100, bounces=5), Signal.BOUNCE, Level.STOP),
        (Counts(sends=150, bounces=5), Signal.BOUNCE, Level.WARN),
        (Counts(sends=200, bounces=5), Signal.BOUNCE, Level.FINE),
        (Counts(sends=59, bounces=59), Signal.BOUNCE, Level.FINE),
        (Counts(sends=60, bounces=4), Signal.BOUNCE, Level.FINE),
        (Counts(sends=50, complaints=1), Signal.COMPLAINT, Level.FINE),
        (Counts(sends=300, complaints=1), Signal.COMPLAINT, Level.FINE),
        (Counts(sends=1000, complaints=2), Signal.COMPLAINT, Level.STOP),
        (Counts(sends=40, deferrals=6), Signal.DEFERRAL, Level.STOP),
        (Counts(sends=0), Signal.DEFERRAL, Level.FINE),
    ],
)
def test_levels(counts: Counts, signal: Signal, level: Level) -> None:
    assert judge(counts, signal) is level


COUNTS = st.integers(0, 5000).flatmap(
    lambda sends: st.builds(
        Counts,
        sends=st.just(sends),
        bounces=st.integers(0, sends),
        complaints=st.integers(0, sends),
        deferrals=st.integers(0, sends),
    )
)


@given(COUNTS, st.sampled_from(list(Signal)))
def test_small_samples_and_single_mishaps_never_stop(counts: Counts, signal: Signal) -> None:
    limit = THRESHOLDS[signal]
    if counts.sends < limit.sample or counts.of(signal) < limit.least:
        assert judge(counts, signal) is Level.FINE
    elif counts.of(signal) == counts.sends:
        assert judge(counts, signal) is Level.STOP


@given(COUNTS, st.sampled_from(list(Signal)), st.integers(1, 50))
def test_one_more_that_comes_back_never_makes_it_better(counts: Counts, signal: Signal, more: int) -> None:
    name = {Signal.BOUNCE: "bounces", Signal.COMPLAINT: "complaints", Signal.DEFERRAL: "deferrals"}[signal]
    worse = Counts(
        **{**{f: getattr(counts, f) for f in ("sends", "bounces", "complaints", "deferrals")}, name: counts.of(signal) + more}
    )  # fmt: skip
    order = list(Level)
    assert order.index(judge(worse, signal)) >= order.index(judge(counts, signal))


def test_in_words() -> None:
    assert in_words(Counts(1000, complaints=2), Signal.COMPLAINT) == (
        "2 of the last 1,000 e-mails were marked as spam (0.2 %)."
    )


# --- with rows ----------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def history(post: Post, sends: int, *, domain: str = "many.test", **values: Any) -> list[SendOutcome]:
    return SendOutcome.objects.bulk_create(
        [
            SendOutcome(
                client=post.agency.first, sender=values.get("sender", post.mailbox), outbound_id=uuid7(), channel="email",
                domain=domain, sent_at=now() - HOUR - timedelta(seconds=number), import_id=values.get("import_id"),
            )
            for number in range(sends)
        ]
    )  # fmt: skip


def come_back(rows: list[SendOutcome], column: str = "bounced_at") -> list[Brake]:
    pulled: list[Brake] = []
    signal = {"bounced_at": Signal.BOUNCE, "complained_at": Signal.COMPLAINT, "deferred_at": Signal.DEFERRAL}
    for row in rows:
        SendOutcome.objects.filter(id=row.id).update(**{column: now()})
        pulled += brakes.consider(outcome=row, signal=signal[column])
    return pulled


def test_a_sender_whose_mail_bounces_stops_and_goes_on(
    post: Post, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(brakes, "publish", told.append)
    post.lead("Ada")
    post.launch()
    rows = history(post, 100, domain="")
    pulled = come_back(rows[:6])
    assert [brake.scope for brake in pulled] == ["sender"]
    assert [type(event) for event in told] == [SendingBraked]
    assert pulled[0].reason == "5 of the last 100 e-mails bounced (5 %)."
    post.tick()
    assert not post.queued()
    hold = _held(post)
    assert hold == "brake"
    time_machine.move_to(WORKING + timedelta(hours=25), tick=False)
    with no_scope():
        release_brakes()
    assert isinstance(told[-1], BrakeReleased)
    assert told[-1].by_time
    post.wait_for_send(time_machine)
    # What led to it is not held against the sender again.
    assert not come_back(rows[10:12])


def _held(post: Post) -> str:
    from campaigns.models import ScheduledAction

    return ScheduledAction.objects.get(state="due").held_by


def test_a_brake_between_queue_and_attempt_holds(post: Post) -> None:
    post.lead("Ada")
    post.launch()
    post.tick()
    queued = OutboundMessage.objects.select_related("organization", "sender").get()
    assert brakes.gate(queued) is None
    come_back(history(post, 100, domain="prospect.test")[:6])
    hold = brakes.gate(queued)
    assert hold is not None
    assert hold.code == "brake"
    assert not hold.final
    queued.origin = OutboundMessage.Origin.REPLY
    assert brakes.gate(queued) is None


def test_a_bad_list_stops_until_a_person_has_looked(post: Post) -> None:
    lead = post.lead("Ada")
    bad = LeadImport.objects.create(client=post.agency.first, file_name="bought.csv", state="done")
    LeadImportLead.objects.create(lead_import=bad, lead=lead, created_lead=True)
    second = post.mailbox.__class__.objects.create(
        client=post.agency.first, connection=post.mailbox.connection, channel="email", name="Other",
        provider_account_id="other@kestrel.test", address="other@kestrel.test", status="ok",
    )  # fmt: skip
    pulled = come_back(history(post, 80, import_id=bad.id, sender=second, domain="")[:5])
    brake = next(brake for brake in pulled if brake.scope == "list")
    assert brake.ends_at is None
    post.launch()
    post.tick()
    assert not post.queued()
    brakes.release(brake=brake, actor=post.agency.manager)
    assert AuditEntry.objects.filter(action="brake.released", actor=post.agency.manager).exists()
    with pytest.raises(brakes.BrakeRefused):
        brakes.release(brake=brake, actor=post.agency.manager)


def test_one_domain_that_defers_stops_alone(post: Post) -> None:
    history(post, 400, domain="fine.test")
    pulled = come_back(history(post, 40, domain="slow.test")[:6], "deferred_at")
    assert [(brake.scope, brake.target) for brake in pulled] == [("domain", "slow.test")]
    assert pulled[0].ends_at == now() + HOUR
    standing = brakes.Standing.load()
    asked = {"client_id": post.agency.first.id, "sender_id": post.mailbox.id, "lead_id": None}
    assert standing.hold(**asked, email="a@slow.test") is not None
    assert standing.hold(**asked, email="a@fine.test") is None
    assert standing.hold(**{**asked, "client_id": post.agency.second.id}, email="a@slow.test") is None


def test_tiny_samples_never_trip(post: Post) -> None:
    assert not come_back(history(post, 20)[:20])
    assert not come_back(history(post, 200, domain="x.test")[:1], "complained_at")


def test_old_sends_and_those_beyond_the_window_do_not_count(post: Post) -> None:
    rows = history(post, 100, domain="")
    SendOutcome.objects.filter(id__in=[row.id for row in rows]).update(sent_at=now() - timedelta(days=8))
    assert not come_back(rows[:20])


def test_reports_pull_the_brake(post: Post) -> None:
    """Through the door: a bounce report of a real send is what counts."""
    post.lead("Ada")
    post.launch()
    sent = post.send_next()
    rows = history(post, 80, domain="")
    SendOutcome.objects.filter(id__in=[row.id for row in rows[:6]]).update(bounced_at=now())
    post.bounces(sent, WORKING + HOUR)
    assert Brake.objects.get().scope == "sender"
