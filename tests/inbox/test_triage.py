"""Triage as a team does it: promised answers, claims, rules, acts on many, undo, search, export, the desk."""

from __future__ import annotations

import csv
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from campaigns.imports.mapping import RowDraft
from campaigns.models import Company, Lead
from campaigns.services import erasure, leads
from inbox import presenters, selectors_board, selectors_counts, selectors_lists, tasks
from inbox.filters import Filters
from inbox.models import Conversation, JournalEntry, Label, Message, Note, SystemLine, WorkingHours
from inbox.search.finding import CANDIDATES
from inbox.services import acts, labels, leaving, policies, replies, rules, saved_views, threads, triage
from inbox.services.triage import TriageRefused
from integrations.models import OutboundMessage
from integrations.services import outbox, outcomes
from project.core.clock import now
from project.core.realtime.models import StreamCounter
from project.core.refusals import Invalid
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry, Membership
from project.tenancy.services import memberships
from reporting.models import Fact
from tests.campaigns.conftest import WORKING, World

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def conversation(
    world: World, slug: str, text: str = "Tell me more, I am interested", **values: Any
) -> Conversation:
    world.lead(slug.title(), slug)
    return wrote(world, slug, text, **values)


def wrote(world: World, slug: str, text: str, at: Any = None, message: str = "") -> Conversation:
    world.says(slug, text, at or now(), message=message or f"{slug}-{uuid.uuid4().hex[:6]}")
    found: Conversation = Conversation.objects.get(provider_chat_id=f"thread_{slug}")
    return found


def queue_answer(world: World, found: Conversation) -> Message:
    return replies.send_reply(
        conversation_id=found.id, author=world.agency.agent, body="Gladly.", client_token=uuid.uuid4(),
        seen_revision=found.refreshed().revision,
    )  # fmt: skip


def answer(world: World, found: Conversation) -> None:
    message = queue_answer(world, found)
    assert message.outbound is not None
    world.deliver(message.outbound, message_id=f"api-{message.id}")


def facts(kind: str) -> list[Fact]:
    return list(Fact.objects.filter(kind=kind).order_by("occurred_at"))


# --- promised answers -------------------------------------------------------------------------------


def test_a_late_answer_is_noted_once_and_answering_stops_the_clock(world: World, time_machine: Any) -> None:
    found = conversation(world, "marta")
    assert found.intent == "interested"
    assert (found.awaiting_since, found.sla_due_at) == (WORKING, WORKING + 60 * MINUTE)
    wrote(world, "marta", "Are you there?", WORKING + MINUTE)
    assert found.refreshed().sla_due_at == WORKING + 60 * MINUTE
    time_machine.move_to(WORKING + 61 * MINUTE, tick=False)
    with no_scope():
        tasks.watch_promises()
        tasks.watch_promises()
    assert found.refreshed().sla_breached_at is not None
    assert [fact.conversation_id for fact in facts("promise_broken")] == [found.id]
    # What is queued has answered nobody yet: it may fail.
    message = queue_answer(world, found)
    assert (found.refreshed().awaiting_since, facts("answered")) == (WORKING, [])
    assert message.outbound is not None
    world.deliver(message.outbound)
    fresh = found.refreshed()
    assert (fresh.awaiting_since, fresh.sla_due_at, fresh.sla_breached_at) == (None, None, None)
    answered = facts("answered")[0]
    assert (answered.value, answered.user_id, answered.in_time) == (61 * 60, world.agency.agent.id, False)


def test_the_first_answer_is_the_first_that_left(world: World) -> None:
    found = conversation(world, "marta")
    refused, second, third = (queue_answer(world, found) for _ in range(3))
    assert refused.outbound is not None
    outbox.change_state(refused.outbound, "failed", error_kind="gone", error_detail="It is gone.")
    for message in (second, third):
        assert message.outbound is not None
        world.deliver(message.outbound, message_id=f"api-{message.id}")
    assert [fact.key for fact in facts("first_answered")] == [str(second.id)]
    assert {fact.key for fact in facts("answered")} == {str(second.id), str(third.id)}


def test_what_they_write_while_an_answer_is_on_its_way_waits_on(world: World, time_machine: Any) -> None:
    found = conversation(world, "marta")
    agent = world.agency.agent

    def answered_before_they_wrote(minute: int) -> None:
        """An answer whose outcome is known ten minutes later only; they write after five."""
        time_machine.move_to(WORKING + minute * MINUTE, tick=False)
        outbound = queue_answer(world, found).outbound
        assert outbound is not None
        outbox.change_state(outbound, "unknown")
        time_machine.move_to(WORKING + (minute + 5) * MINUTE, tick=False)
        wrote(world, "marta", "And I am interested in the price")
        triage.assign(conversation_id=found.id, assignee_id=agent.id, actor=agent)
        time_machine.move_to(WORKING + (minute + 10) * MINUTE, tick=False)
        fresh = OutboundMessage.objects.select_related("sender", "sender__connection").get(id=outbound.id)
        outcomes.mark_sent(fresh, receipt=None, sent_at=WORKING + minute * MINUTE)

    def waits_since(minute: int) -> bool:
        fresh = found.refreshed()
        since = WORKING + minute * MINUTE
        return bool((fresh.awaiting_since, fresh.sla_due_at) == (since, since + 60 * MINUTE))

    answered_before_they_wrote(5)
    assert waits_since(10)
    assert found.refreshed().lease_expires_at is not None, "whoever took that has it still"
    assert [(fact.value, fact.in_time) for fact in facts("answered")] == [(5 * 60, True)]
    # So where nobody waited when the answer was written.
    time_machine.move_to(WORKING + 20 * MINUTE, tick=False)
    answer(world, found)
    assert found.refreshed().awaiting_since is None
    answered_before_they_wrote(25)
    assert waits_since(30)
    assert [(fact.value, fact.in_time) for fact in facts("answered")] == [
        (5 * 60, True),
        (10 * 60, True),
        (None, None),
    ]


def test_a_client_has_its_own_promise_and_a_snooze_keeps_it(world: World) -> None:
    policies.set_policy(
        client=world.agency.first, actor=world.agency.manager, reply_minutes=30, hot_reply_minutes=5
    )
    found = conversation(world, "marta")
    assert found.sla_due_at == WORKING + 5 * MINUTE
    triage.snooze(conversation_id=found.id, until=None, actor=world.agency.agent)
    assert found.refreshed().sla_due_at == WORKING + 5 * MINUTE
    wrote(world, "marta", "Hello?", WORKING + MINUTE)
    assert found.refreshed().status == "open"
    triage.close(conversation_id=found.id, actor=world.agency.agent)
    assert found.refreshed().sla_due_at is None
    assert facts("resolved")[0].user_id == world.agency.agent.id
    away = conversation(world, "olga", "I am out of office until 1 December. Automatic reply.")
    assert away.sla_due_at is None


def test_what_was_taken_and_not_acted_on_goes_back_to_the_team(world: World, time_machine: Any) -> None:
    kept, dropped = conversation(world, "marta"), conversation(world, "olga")
    agent = world.agency.agent
    for found in (kept, dropped):
        triage.assign(conversation_id=found.id, assignee_id=agent.id, actor=agent)
    answer(world, kept)
    time_machine.move_to(WORKING + 31 * MINUTE, tick=False)
    with no_scope():
        tasks.watch_promises()
    assert kept.refreshed().assignee == agent
    assert dropped.refreshed().assignee is None
    assert SystemLine.objects.filter(conversation=dropped, text__contains="did not act").exists()


def test_a_silent_conversation_closes_by_itself(world: World, time_machine: Any) -> None:
    policies.set_policy(client=None, actor=world.agency.admin, close_after_days=3)
    silent, waiting = conversation(world, "marta"), conversation(world, "olga")
    answer(world, silent)
    # Our own first message that nobody answered is no conversation: nothing is resolved there.
    unanswered = conversation(world, "piet")
    Conversation.objects.filter(id=unanswered.id).update(has_inbound=False, last_inbound=False)
    time_machine.move_to(WORKING + timedelta(days=3, hours=1), tick=False)
    with no_scope():
        tasks.close_silent()
    assert (silent.refreshed().status, waiting.refreshed().status) == ("closed", "open")
    assert [fact.conversation_id for fact in facts("resolved")] == [silent.id]


def test_one_conversation_that_breaks_holds_up_no_other(
    world: World, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, second, third = (conversation(world, name) for name in ("marta", "olga", "piet"))
    for minutes, found in enumerate((broken, second, third), 1):
        triage.snooze(conversation_id=found.id, until=now() + minutes * MINUTE, actor=world.agency.agent)
    time_machine.move_to(WORKING + 10 * MINUTE, tick=False)
    wake, due = triage.wake, triage.due_to_wake

    def breaks(*, conversation_id: uuid.UUID) -> None:
        if conversation_id == broken.id:
            raise RuntimeError("broken")
        wake(conversation_id=conversation_id)

    monkeypatch.setattr(triage, "wake", breaks)
    # Two at a time: what is left over does not wait for the next run.
    monkeypatch.setattr(triage, "due_to_wake", lambda: due()[:2])
    with no_scope():
        tasks.wake_snoozed()
    assert [found.refreshed().status for found in (broken, second, third)] == ["snoozed", "open", "open"]


# --- rules ------------------------------------------------------------------------------------------


def test_rules_give_conversations_in_turn_to_those_at_work(world: World) -> None:
    agency = world.agency
    people = [str(agency.agent.id), str(agency.agent2.id)]
    rules.create(method="round_robin", actor=agency.manager, people=people)
    got = [conversation(world, slug).assignee_id for slug in ("marta", "olga", "piet")]
    assert {str(one) for one in got[:2]} == set(people)
    assert got[2] == got[0]
    rules.set_hours(user=agency.agent, actor=agency.manager, is_away=True)
    assert {conversation(world, slug).assignee for slug in ("quin", "rosa")} == {agency.agent2}
    WorkingHours.objects.create(user=agency.agent2, weekdays=[5, 6])
    assert conversation(world, "sven").assignee is None


def test_who_is_away_gets_nothing_until_the_morning_they_are_back(
    world: World, client: Browser, time_machine: Any
) -> None:
    agency = world.agency
    rules.create(method="round_robin", actor=agency.manager, people=[str(agency.agent.id)])
    client.force_login(agency.agent)
    away = agency.url("inbox/settings/away/")
    back = (WORKING + timedelta(days=3)).date()
    assert client.post(away, {"until": "1999-01-01"}).status_code == 422
    assert client.post(away, {"until": "soon"}).status_code == 422
    assert client.post(away, {"until": back.isoformat()}).status_code == 303
    assert "I am back" in client.get(agency.url("inbox/settings/")).content.decode()
    states = {
        queue.key: queue for queue in selectors_board.board(agency.access(agency.agent2), None)["queues"]
    }
    assert (states[str(agency.agent.id)].state, states[str(agency.agent.id)].until.date()) == ("away", back)
    assert conversation(world, "marta").assignee is None
    time_machine.move_to(WORKING + timedelta(days=3), tick=False)
    # Whoever had stated no hours is at work at all of them again.
    assert conversation(world, "olga").assignee == agency.agent
    client.post(away, {})
    assert conversation(world, "piet").assignee is None
    client.post(away, {"back": "1"})
    assert conversation(world, "quin").assignee == agency.agent


def test_the_first_rule_that_fits_and_finds_somebody_wins(world: World) -> None:
    agency = world.agency
    rules.create(method="owner", actor=agency.manager)
    hot = rules.create(
        method="load", actor=agency.manager, intents=["question"], people=[str(agency.agent2.id)]
    )
    found = conversation(world, "marta", "What does it cost?")
    assert found.assignee == agency.agent2
    assert conversation(world, "olga", "Not now, maybe next year").assignee is None
    rules.switch(rule_id=hot.id, is_active=False, actor=agency.manager)
    answer(world, found)
    triage.assign(conversation_id=found.id, assignee_id=None, actor=agency.manager)
    wrote(world, "marta", "And who are you?", WORKING + MINUTE)
    # She has been answered by this agent before.
    assert found.refreshed().assignee == agency.agent


def test_what_somebody_no_longer_reaches_is_the_teams_again(
    world: World,
) -> None:
    agency = world.agency
    rules.create(method="load", actor=agency.manager, people=[str(agency.agent2.id)])
    waits, put_away, done = (conversation(world, name) for name in ("marta", "olga", "piet"))
    triage.snooze(conversation_id=put_away.id, until=None, actor=agency.manager)
    triage.close(conversation_id=done.id, actor=agency.manager)
    for found in (waits, put_away, done):
        triage.assign(conversation_id=found.id, assignee_id=agency.agent.id, actor=agency.manager)
    admin, member = agency.access(agency.admin), Membership.objects.get(user=agency.agent)
    everything: dict[str, Any] = {"member_id": member.id, "all_clients": False}
    memberships.change(access=admin, role="agent", client_ids=[agency.first.id], **everything)
    tasks.give_back_lost(organization_id=str(agency.organization.id), user_id=str(agency.agent.id))
    assert waits.refreshed().assignee == agency.agent, "the client is still theirs"
    memberships.change(access=admin, role="agent", client_ids=[agency.second.id], **everything)
    tasks.give_back_lost(organization_id=str(agency.organization.id), user_id=str(agency.agent.id))
    assert [found.refreshed().assignee for found in (waits, put_away, done)] == [
        agency.agent2, None, agency.agent,
    ]  # fmt: skip
    line = SystemLine.objects.filter(conversation=waits, kind="assigned", text__contains="Halden any more")
    assert line.count() == 1

    # Whoever is deactivated has nothing; the hint is given with the change.
    other = Membership.objects.get(user=agency.agent2)
    memberships.set_active(access=admin, member_id=other.id, active=False)
    assert leaving.give_back(user_id=agency.agent2.id) == 1
    assert waits.refreshed().assignee is None


# --- acts on many -----------------------------------------------------------------------------------


def test_acts_are_undone_where_nobody_changed_anything_since(world: World) -> None:
    agent, manager = world.agency.agent, world.agency.manager
    ids = [conversation(world, slug).id for slug in ("marta", "olga")]
    entry = acts.perform(act="close", conversation_ids=ids, given={}, actor=agent)
    assert (entry.state, entry.done) == ("done", 2)
    assert len(facts("resolved")) == 2
    triage.reopen(conversation_id=ids[1], actor=manager)
    with pytest.raises(TriageRefused, match="Only the person"):
        acts.undo(entry_id=entry.id, actor=manager)
    undone = acts.undo(entry_id=entry.id, actor=agent)
    assert [one["conversation"] for one in undone.kept] == [str(ids[1])]
    first = Conversation.objects.get(id=ids[0])
    assert (first.status, first.sla_due_at) == ("open", WORKING + 60 * MINUTE)
    # What was closed by mistake was not closed; what stays, was.
    assert [fact.conversation_id for fact in facts("resolved")] == [ids[1]]
    with pytest.raises(TriageRefused, match="already"):
        acts.undo(entry_id=entry.id, actor=agent)


@pytest.mark.parametrize("act", ["close", "snooze"])
def test_what_came_after_it_was_on_the_screen_is_not_put_away(
    world: World, client: Browser, act: str
) -> None:
    agent = world.agency.agent
    marta, olga = conversation(world, "marta"), conversation(world, "olga")
    shown = marta.revision
    # Chosen, and before the worker comes to it, she writes.
    entry = acts.begin(act=act, conversation_ids=[marta.id, olga.id], given={"until": ""}, actor=agent)
    wrote(world, "marta", "And what does it cost?")
    done = acts.run(entry_id=entry.id)
    assert [one["conversation"] for one in done.failures] == [str(marta.id)]
    assert "They wrote since" in done.failures[0]["why"]
    assert (marta.refreshed().status, marta.refreshed().sla_due_at is None) == ("open", False)
    assert olga.refreshed().status != "open"
    # The same from a page that has not shown it yet, and not from one that has.
    client.force_login(agent)
    url = world.agency.url(f"inbox/{marta.id}/{'closure' if act == 'close' else 'snooze'}/")
    refused = client.post(url, {"snooze": "3h", "seen_revision": shown})
    assert (refused.status_code, marta.refreshed().status) == (422, "open")
    client.post(url, {"snooze": "3h", "seen_revision": marta.refreshed().revision})
    assert marta.refreshed().status != "open"


def test_every_act_can_be_taken_back(world: World) -> None:
    agent = world.agency.agent
    found = conversation(world, "marta")
    label = labels.create(name="Nordics", client=world.agency.first, actor=world.agency.manager)
    given: dict[str, dict[str, Any]] = {
        "assign": {"assignee": str(agent.id), "note": "She likes cats."},
        "label": {"label": str(label.id)},
        "priority": {"priority": 2},
        "snooze": {"until": (WORKING + timedelta(days=1)).isoformat()},
        "read": {},
    }
    before = acts.snapshot(found)
    for act, values in given.items():
        entry = acts.perform(act=act, conversation_ids=[found.id], given=values, actor=agent)
        assert acts.snapshot(found.refreshed()) != before, act
        acts.undo(entry_id=entry.id, actor=agent)
        assert acts.snapshot(found.refreshed()) == before, act
    # What cannot be undone was said beforehand: the note stays.
    assert Note.objects.get().body == "She likes cats."


def test_the_journal_is_kept_for_a_month(world: World, time_machine: Any) -> None:
    found = conversation(world, "marta")
    for act in ("read", "unread", "read"):
        acts.perform(act=act, conversation_ids=[found.id], given={}, actor=world.agency.agent)
        time_machine.shift(timedelta(days=16))
    with no_scope():
        assert tasks.prune_journal() == 2
        assert tasks.prune_journal() == 0
    assert JournalEntry.objects.get().items.count() == 1


def test_what_fails_is_listed_and_stops_nothing(world: World) -> None:
    agency = world.agency
    ours = conversation(world, "marta")
    label = Label.objects.create(name="Elsewhere", client=agency.second)
    everywhere = labels.create(name="Hot", client=None, actor=agency.admin)
    entry = acts.perform(
        act="label", conversation_ids=[ours.id], given={"label": str(label.id)}, actor=agency.agent
    )
    assert entry.failures[0]["why"] == "This label belongs to another client."
    assert acts.perform(
        act="label", conversation_ids=[ours.id], given={"label": str(everywhere.id)}, actor=agency.agent
    ).failures == []  # fmt: skip


def test_many_are_done_by_a_worker_and_a_crash_loses_nothing(world: World, time_machine: Any) -> None:
    ids = [conversation(world, f"lead{n}").id for n in range(acts.AT_ONCE + 2)]
    entry = acts.begin(act="close", conversation_ids=ids, given={}, actor=world.agency.agent)
    # The worker died after one; the sweeper finds the rest.
    assert acts._next(entry)
    time_machine.move_to(WORKING + 5 * MINUTE, tick=False)
    with no_scope():
        tasks.sweep_acts()
    done = JournalEntry.objects.get(id=entry.id)
    assert (done.state, done.done) == ("done", len(ids))
    assert not Conversation.objects.filter(status="open").exists()

    # So it is taken back: the request only begins it, each conversation by itself, and what stays is listed.
    triage.reopen(conversation_id=ids[3], actor=world.agency.manager)
    begun = acts.undo(entry_id=entry.id, actor=world.agency.agent)
    assert (begun.state, Conversation.objects.filter(status="open").count()) == ("undoing", 1)
    with pytest.raises(TriageRefused, match="already"):
        acts.undo(entry_id=entry.id, actor=world.agency.agent)
    assert acts._next_back(begun)
    shown = presenters.act(begun.refreshed())
    assert (shown["is_running"], shown["done"], shown["total"]) == (True, 1, len(ids))
    time_machine.move_to(WORKING + 10 * MINUTE, tick=False)
    with no_scope():
        tasks.sweep_acts()
    undone = entry.refreshed()
    assert (undone.state, [one["conversation"] for one in undone.kept]) == ("undone", [str(ids[3])])
    assert presenters.act(undone)["text"] == f"Taken back: {len(ids) - 1} conversations"
    assert Conversation.objects.filter(status="open").count() == len(ids)
    assert len(facts("resolved")) == 1


def test_one_that_breaks_stays_as_it_is_and_holds_up_no_other(
    world: World, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = world.agency.agent
    broken, other = conversation(world, "marta"), conversation(world, "olga")
    entry = acts.perform(act="close", conversation_ids=[broken.id, other.id], given={}, actor=agent)
    add_line = threads.add_line

    reasons: list[Exception] = [RuntimeError("broken"), OperationalError("deadlock detected")]

    def breaks(found: Conversation, kind: str, *given: Any, **more: Any) -> SystemLine:
        if (found.id, kind) == (broken.id, "undone"):
            raise reasons.pop()
        return add_line(found, kind, *given, **more)

    monkeypatch.setattr(threads, "add_line", breaks)
    # What passes by itself, as an outage of the database, settles nothing: it is tried again.
    with pytest.raises(OperationalError):
        acts.undo(entry_id=entry.id, actor=agent)
    assert (entry.refreshed().state, entry.refreshed().kept) == ("undoing", [])
    undone = acts.run(entry_id=entry.id)
    assert (undone.state, [one["conversation"] for one in undone.kept]) == ("undone", [str(broken.id)])
    assert "could not be taken back" in undone.kept[0]["why"]
    assert (broken.refreshed().status, other.refreshed().status) == ("closed", "open")

    # The sweeper goes on after an entry on which it breaks.
    first, second = (
        acts.begin(act="unread", conversation_ids=[other.id], given={}, actor=agent) for _ in range(2)
    )
    time_machine.shift(5 * MINUTE)
    run = acts.run

    def stumbles(*, entry_id: uuid.UUID) -> JournalEntry:
        if entry_id == first.id:
            raise RuntimeError("broken")
        return run(entry_id=entry_id)

    monkeypatch.setattr(acts, "run", stumbles)
    with no_scope():
        tasks.sweep_acts()
    assert (first.refreshed().state, second.refreshed().state) == ("running", "done")


# --- views ------------------------------------------------------------------------------------------


def test_counts_agree_with_lists_for_every_view_and_filter(
    world: World, django_assert_max_num_queries: Any
) -> None:
    agency = world.agency
    access = agency.access(agency.agent)
    label = labels.create(name="Nordics", client=None, actor=agency.admin)
    mine, snoozed, closed = (conversation(world, slug) for slug in ("marta", "olga", "piet"))
    wrote(world, "nobody", "Who are you?")
    triage.assign(conversation_id=mine.id, assignee_id=agency.agent.id, actor=agency.agent)
    triage.add_label(conversation_id=mine.id, label_id=label.id, actor=agency.agent)
    triage.snooze(conversation_id=snoozed.id, until=None, actor=agency.agent)
    triage.close(conversation_id=closed.id, actor=agency.agent)
    queries: list[dict[str, str]] = [
        {"view": view} for view in ("mine", "unassigned", "all", "snoozed", "closed", "failed", "unmatched")
    ]
    queries += [
        {"view": "all", "label": str(label.id)}, {"view": "all", "assignee": "none"}, {"view": "all", "sla": "soon"},
        {"view": "all", "intent": "interested", "sort": "due"}, {"view": "all", "unread": "1"},
        {"view": "all", "client": str(agency.first.id), "channel": "linkedin", "after": "2026-11-01"},
        {"q": "is:snoozed"}, {"q": "label:nord"}, {"q": "assignee:me"}, {"q": "-is:snoozed -client:tess -label:nord"},
    ]  # fmt: skip
    shown = {}
    for query in queries:
        filters = Filters.of(query, access)
        rows = selectors_lists.conversation_list(access, filters, None)["rows"]
        assert selectors_lists.list_count(access, filters) == (str(len(rows)) if rows else ""), query
        shown[str(query)] = {row["conversation_id"] for row in rows}
        # The address of a list leads to the same list.
        assert Filters.of(filters.parameters, access) == filters
    assert shown["{'view': 'mine'}"] == {mine.id} == shown["{'q': 'label:nord'}"]
    assert shown["{'q': 'is:snoozed'}"] == {snoozed.id}
    left = shown["{'q': '-is:snoozed -client:tess -label:nord'}"]
    assert closed.id in left
    assert not left & {mine.id, snoozed.id}
    # What is pushed with a change says the same, for saved views too, and so does what a page asks for once.
    saved = {
        str(view.id): view.query
        for view in (
            saved_views.save(
                name=f"View {n}", filters=Filters.of(query, access), is_shared=False, access=access
            )
            for n, query in enumerate(queries)
            if "q" not in query
        )
    }
    saved_views.save(name="Search", filters=Filters(text="tell"), is_shared=False, access=access)
    with django_assert_max_num_queries(5):
        counts = selectors_counts.of_client(agency.first.id)
    with django_assert_max_num_queries(6):
        everything = selectors_counts.of_clients(access, since=1)["counts"]
    assert everything[str(agency.first.id)] == counts
    own = str(agency.agent.id)
    for view_id, kept in saved.items():
        # Closed ones only grow: they are counted neither there nor in the sidebar.
        assert all((view_id in one) == ("view=closed" not in kept) for one in everything.values()), kept
        found = [one.get(view_id, 0) for one in everything.values()]
        if "view=closed" in kept:
            continue
        total = sum(one if isinstance(one, int) else one.get(own, 0) for one in found)
        rows = selectors_lists.conversation_list(access, Filters.of(dict(parse_qsl(kept)), access), None)[
            "rows"
        ]
        assert total == len(rows), kept
    # Whoever asks while nothing changes gets what was counted before; others see only their clients.
    limited = agency.access(agency.limited)
    with django_assert_max_num_queries(0):
        theirs = selectors_counts.of_clients(limited, since=0)["counts"]
    assert set(theirs) == {str(agency.second.id)}
    listed = selectors_lists.sidebar(access, Filters())["saved_views"]
    assert {view["label"]: view["is_counted"] for view in listed}.items() >= {
        "Search": False,
        "View 4": False,
        "View 0": True,
    }.items()
    sidebar = {view["key"]: view["count"] for view in selectors_lists.sidebar(access, Filters())["views"]}
    assert counts["mine"] == {str(agency.agent.id): sidebar["mine"]}
    assert all(counts[key] == sidebar[key] for key in ("all", "unassigned", "snoozed", "failed", "unmatched"))


def test_counts_of_all_clients_are_never_older_than_they_say(world: World, time_machine: Any) -> None:
    agency = world.agency
    access = agency.access(agency.agent)
    time_machine.move_to(WORKING, tick=False)
    first = selectors_counts.of_clients(access, since=0)
    conversation(world, "marta")
    assert first["counts"][str(agency.first.id)]["all"] == 0
    numbered = first["number"] + 1
    StreamCounter.objects.update_or_create(
        organization_id=access.organization.id, defaults={"last_number": numbered}
    )
    # Within a moment nobody makes it be counted again; the number says that it is too old.
    assert selectors_counts.of_clients(access, since=numbered) == first
    time_machine.shift(timedelta(seconds=selectors_counts.SLICE))
    assert selectors_counts.of_clients(access, since=first["number"]) == first
    after = selectors_counts.of_clients(access, since=numbered)
    assert (after["number"], after["counts"][str(agency.first.id)]["all"]) == (numbered, 1)


def test_what_is_no_filter_widens_no_act_and_no_export(world: World, client: Browser) -> None:
    """A misspelt filter, or a client out of reach, is refused: without it all that is open would be closed."""
    agency = world.agency
    kept = conversation(world, "marta")
    wrong = [
        "intent=intrested",
        "intnt=interested",
        "after=2026-13-01",
        "view=opne",
        "q=is:opne",
        "unread=yes",
    ]
    asked = [*((agency.agent, query) for query in wrong), (agency.limited, f"client={agency.first.id}")]
    for user, query in asked:
        client.force_login(user)
        act = client.post(
            agency.url("inbox/acts/"), {"act": "close", "all": "1", "query": f"view=all&{query}"}
        )
        assert (act.status_code, act["Content-Type"]) == (422, "text/plain; charset=utf-8"), query
        assert client.get(agency.url(f"inbox/export.csv?{query}")).status_code == 422, query
    assert kept.refreshed().status == "open"
    access = agency.access(agency.agent)
    given = {"view": "all", "client": str(agency.first.id), "unread": "1", "sort": "newest", "q": "is:open"}
    assert Filters.strictly(given, access) == Filters.of(given, access)


def test_a_shared_view_of_a_client_out_of_reach_is_not_shown(world: World) -> None:
    agency = world.agency
    owner, limited = agency.access(agency.manager), agency.access(agency.limited)
    for name, one in (("First", agency.first), ("Second", agency.second)):
        saved_views.save(name=name, filters=Filters(client_id=one.id), is_shared=True, access=owner)
    saved_views.save(name="All", filters=Filters(unread=True), is_shared=True, access=owner)
    for access, names in ((owner, {"First", "Second", "All"}), (limited, {"Second", "All"})):
        assert {view["label"] for view in selectors_lists.sidebar(access, Filters())["saved_views"]} == names


def test_a_shared_view_is_everybodys_and_its_owners_to_remove(world: World) -> None:
    agency = world.agency
    owner, other = agency.access(agency.manager), agency.access(agency.agent)
    saved_views.save(name="Hot", filters=Filters(intent="interested"), is_shared=True, access=owner)
    view = saved_views.save(name="Own", filters=Filters(unread=True), is_shared=False, access=owner)
    conversation(world, "marta")
    found = selectors_lists.sidebar(other, Filters())["saved_views"]
    assert [(one["label"], one["shown"]) for one in found] == [("Hot", "1")]
    assert len(selectors_lists.sidebar(owner, Filters())["saved_views"]) == 2
    with pytest.raises(Exception, match="Manager's"):
        saved_views.remove(view_id=view.id, actor=agency.agent)


def test_a_view_carries_order_density_and_what_its_rows_show(world: World, client: Browser) -> None:
    agency = world.agency
    client.force_login(agency.agent)
    conversation(world, "marta")
    asked = "view=all&intent=interested&sort=due&density=compact&hide=label,company,nonsense"
    page = client.get(agency.url(f"inbox/?{asked}")).content.decode()
    assert '<ul id="conversation-list" class="compact no-company no-label"' in page
    form = {"name": "Mine, tight", "query": asked}
    refused = client.post(agency.url("inbox/views/saved/"), {**form, "is_shared": "1"})
    assert (refused.status_code, "Only managers" in refused.content.decode()) == (422, True)
    client.force_login(agency.manager)
    saved_form = {**form, "is_shared": "1"}
    assert client.post(agency.url("inbox/views/saved/"), saved_form).status_code == 303
    client.force_login(agency.agent2)
    sidebar = selectors_lists.sidebar(agency.access(agency.agent2), Filters())
    (saved,) = sidebar["saved_views"]
    assert saved["shown"] == "1"
    page = client.get(saved["url"]).content.decode()
    assert 'class="compact no-company no-label"' in page
    assert 'aria-current="page" title="Shared by' in page
    # The team's own views keep how rows look; a search and a filter do, too.
    assert "view=snoozed&amp;density=compact&amp;hide=company%2Clabel" in page
    assert page.count('name="hide" value="company,label"') == 1
    # An address that makes no sense is an ordinary list.
    page = client.get(agency.url("inbox/?view=all&density=huge&hide=client%22%3E")).content.decode()
    assert '<ul id="conversation-list" data-live-list' in page


# --- search -----------------------------------------------------------------------------------------


def search(world: World, text: str, role: str = "agent") -> list[str]:
    access = world.agency.access(world.agency.people[role])
    found = selectors_lists.conversation_list(access, Filters.of({"q": text}, access), None)
    return [row["who"] for row in found["rows"]]


def test_a_beginning_of_nothing_narrows_nothing(world: World) -> None:
    conversation(world, "marta", "Two cold rooms in Kiruna?")
    for text in ("'*", "\\*", "-'*", "'* kiruna", "kiru* ''*"):
        assert search(world, text) == ["Marta Lindqvist"], text
    assert search(world, "from:'") == []
    assert search(world, "'* xylophone") == []


def test_search_finds_words_people_and_companies_within_reach(world: World, rival: Any) -> None:
    marta = conversation(world, "marta", "What is the price of two cold rooms in Kiruna?")
    company = Company.objects.create(
        client=world.agency.first, name="Fjällmark Foods", name_key="fjallmark foods"
    )
    Lead.objects.filter(id=marta.lead_id).update(company=company)
    conversation(world, "olga", "Please send an invoice for cold storage")
    conversation(world, "old", "The price was fine", at=WORKING - timedelta(days=300))
    assert search(world, "price") == ["Marta Lindqvist", "Old Lindqvist"]
    assert search(world, '"cold rooms"') == ["Marta Lindqvist"]
    assert search(world, "cold -invoice") == ["Marta Lindqvist"]
    assert search(world, "invoi*") == ["Olga Lindqvist"]
    assert search(world, "fjällmark") == ["Marta Lindqvist"] == search(world, "from:fjäll price")
    assert search(world, "price after:2026-11-01") == ["Marta Lindqvist"]
    assert search(world, "price before:2026-11-01") == ["Old Lindqvist"]
    assert search(world, "from:olga price") == []
    assert search(world, "intent:question price is:open campaign:cold") == []
    assert search(world, "price client:halden") == ["Marta Lindqvist", "Old Lindqvist"]
    # This manager works for the other client only; the other agency has a conversation of its own.
    assert search(world, "price", "limited") == []
    access = world.agency.access(world.agency.agent)
    rows = selectors_lists.conversation_list(access, Filters.of({"q": "kiruna"}, access), None)["rows"]
    assert "<mark>Kiruna</mark>" in rows[0]["text"]


def test_search_goes_back_as_far_as_it_has_to(world: World) -> None:
    """More messages than it looks into first: days, then spans by how many were found, then everything."""
    for name, days in (("marta", 3), ("nils", 40), ("old", 300), ("eldest", 900)):
        conversation(world, name, "The price was fine", at=WORKING - timedelta(days=days))
    busy = conversation(world, "olga", "The thanks of a busy thread")
    Message.objects.bulk_create(
        Message(
            conversation=busy, revision=number, direction="inbound", state="received", body="Many thanks",
            occurred_at=WORKING - timedelta(seconds=30 * number),
        )
        for number in range(1, 5_200)
    )  # fmt: skip
    people = ["Marta Lindqvist", "Nils Lindqvist", "Old Lindqvist", "Eldest Lindqvist"]
    assert search(world, "price") == people
    assert search(world, "price before:2026-10-01") == people[2:]
    assert search(world, "thanks") == ["Olga Lindqvist"] == search(world, "from:olga thanks")
    access = world.agency.access(world.agency.agent)
    found = selectors_lists.conversation_list(access, Filters.of({"q": "thanks"}, access), None)
    assert found["capped"] == CANDIDATES


def test_search_never_leaves_the_organization(world: World, rival: Any) -> None:
    conversation(world, "marta", "The secret word is xylophone")
    assert search(world, "xylophone") == ["Marta Lindqvist"]
    with no_scope(), rival.scope():
        access = rival.access(rival.admin)
        found = selectors_lists.conversation_list(access, Filters.of({"q": "xylophone"}, access), None)
        assert found["rows"] == []
        found = selectors_lists.conversation_list(access, Filters.of({"q": "from:marta"}, access), None)
        assert found["rows"] == []


# --- board, desk, export ----------------------------------------------------------------------------


def test_the_board_says_what_is_late_and_what_will_be(world: World, time_machine: Any) -> None:
    agency = world.agency
    for slug in ("marta", "olga", "piet"):
        found = conversation(world, slug)
        triage.assign(conversation_id=found.id, assignee_id=agency.agent.id, actor=agency.manager)
    Conversation.objects.filter(provider_chat_id="thread_marta").update(sla_due_at=now() - MINUTE)
    Conversation.objects.filter(provider_chat_id="thread_olga").update(sla_due_at=now() + 5 * MINUTE)
    board = selectors_board.board(agency.access(agency.manager), None)
    queue = next(one for one in board["queues"] if one.person == agency.agent)
    # At four minutes each, the second one is answered after eight.
    assert (queue.open, queue.unread, queue.late, queue.at_risk) == (3, 3, 1, 1)
    assert [card["who"].split()[0] for card in queue.cards] == ["Marta", "Olga", "Piet"]


def test_the_desk_names_candidates_and_makes_leads(world: World) -> None:
    agency = world.agency
    Lead.objects.create(client=agency.first, first_name="Nora", last_name="Dahl")
    Lead.objects.create(client=agency.first, first_name="Nora", last_name="Berg")
    found = wrote(world, "nora", "Who is this?")
    Conversation.objects.filter(id=found.id).update(counterpart_name="Nora Dahl", lead=None)
    matches = selectors_board.matches(found.refreshed())
    assert [(one.lead.last_name, one.reason) for one in matches] == [
        ("Dahl", "is called Nora Dahl too"), ("Berg", "has the first name Nora"),
    ]  # fmt: skip
    from inbox.services import desk

    lead = desk.create_lead(conversation_id=found.id, name="Nora Vik", actor=agency.manager)
    assert found.refreshed().lead == lead
    assert lead.channels.get().provider_id == "ACoAA_nora"


def test_candidates_are_compared_among_those_that_the_index_of_names_finds(world: World) -> None:
    first = world.agency.first
    company = Company.objects.create(client=first, name="Rime", name_key="rime", domain="Rime.test")
    for name, surname, of in (("Nóra", "O'Dahl", None), ("Pia", "Vik", company), ("Per", "Holm", company)):
        Lead.objects.create(client=first, first_name=name, last_name=surname, company=of)
    Lead.objects.create(client=world.agency.second, first_name="Nóra", last_name="O'Dahl")
    found = wrote(world, "nora", "Who is this?")

    def named(name: str, address: str) -> list[tuple[str, str]]:
        Conversation.objects.filter(id=found.id).update(
            counterpart_name=name, counterpart_id=address, lead=None
        )
        with CaptureQueriesContext(connection) as made:
            matches = selectors_board.matches(found.refreshed(), limit=9)
        compared = [query["sql"] for query in made if "UPPER(" in query["sql"]]
        assert compared
        assert all("campaigns_find_leads(" in sql for sql in compared)
        return [(one.lead.last_name, one.reason) for one in matches]

    assert named("NÓRA o'dahl", "x") == [("O'Dahl", "is called NÓRA o'dahl too")]
    assert named("Somebody Else", "p.vik@rime.TEST") == [
        ("Vik", "works at rime.test, and the address has their name"), ("Holm", "works at rime.test"),
    ]  # fmt: skip
    assert named("Pia \\ 'Holm", "x") == [("Vik", "has the first name Pia")]


def test_no_lead_is_made_again_of_somebody_who_was_erased(world: World) -> None:
    from inbox.services import desk

    agency = world.agency
    found = wrote(world, "nora", "Who is this?")
    Conversation.objects.filter(id=found.id).update(counterpart_name="Nora Dahl", lead=None)
    lead = desk.create_lead(conversation_id=found.id, name="Nora Vik", actor=agency.manager)
    address = lead.channels.get().normalized
    erasure.erase(lead=lead, reason="Asked by mail", actor=agency.admin)
    draft = RowDraft(number=1, values=[], first_name="Nora", addresses={"linkedin": (address, address)})
    with pytest.raises(Invalid, match="erased at their request"):
        leads.upsert_batch(client_id=agency.first.id, drafts=[draft])
    assert Lead.objects.filter(first_name="Nora").count() == 0


def test_an_export_has_a_row_for_each_conversation_and_runs_no_formula(world: World, client: Browser) -> None:
    conversation(world, "marta", "=HYPERLINK(1)")
    conversation(world, "olga", "Fine")
    with no_scope():
        client.force_login(world.agency.agent)
        answer_ = client.get(world.agency.url("inbox/export.csv?view=all"))
        text = b"".join(answer_).decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["person"] for row in rows] == ["Olga Lindqvist", "Marta Lindqvist"] or len(rows) == 2
    assert {row["last_message"] for row in rows} == {"'=HYPERLINK(1)", "Fine"}
    assert AuditEntry.objects.filter(action="inbox.exported").count() == 1
