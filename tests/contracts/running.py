"""What every provider that runs campaigns has to do, beside the contract of all adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from integrations import events
from integrations.base import (
    AssignsSenders,
    Capability,
    CategorisesLeads,
    CountsCampaigns,
    HoldsLeads,
    KeepsLeads,
    KeepsSequences,
    KeepsThreads,
    NoKnowledge,
    RunsCampaigns,
    StopsLeads,
)
from integrations.errors import ErrorKind, ProviderError
from integrations.running import (
    CampaignSchedule,
    CampaignStatus,
    LeadStatus,
    NewLead,
    ProviderLead,
    ProviderMessage,
    SequenceStep,
    ThreadReply,
)
from integrations.values import Direction
from tests.contracts.base import NOW, AdapterContract, Outside, everything, needs, require


@dataclass
class RunningOutside(Outside):
    """A world in which campaigns run. ``accounts`` are two senders; ``steps`` a sequence of two that fits.

    ``jump`` lets days pass, ``reply`` lets a person answer (by ``NewLead.key``), ``connect`` makes them acquainted
    with the sender where a message needs that.
    """

    accounts: Sequence[str] = ()
    steps: Sequence[SequenceStep] = ()
    leads: Sequence[NewLead] = ()
    jump: Callable[[float], None] = lambda days: None
    reply: Callable[[NewLead, str], None] = lambda lead, text: None
    connect: Callable[[NewLead], None] = lambda lead: None
    #: Bodies of the calls that the provider has made or tried.
    calls: Callable[[], list[bytes]] = list
    #: What the provider can do for one person, and for a campaign as a whole.
    calls_tell_steps: bool = True
    pauses_leads: bool = True
    stops_campaigns: bool = True
    #: What a sequence may have that the provider cannot express: the sequence and the field that is complained about.
    impossible: Sequence[tuple[Sequence[SequenceStep], str]] = field(default_factory=tuple)


class RunningContract(AdapterContract):
    """Tests that each provider of campaigns passes."""

    def campaign(self, outside: RunningOutside, name: str = "Founders") -> str:
        """A campaign with senders, steps and hours, not started."""
        adapter = outside.adapter
        made = require(adapter, RunsCampaigns).create_campaign(name=name, account_ids=outside.accounts[:1])
        require(adapter, KeepsSequences).save_sequence(made.campaign_id, outside.steps)
        schedule = CampaignSchedule(timezone="Europe/Berlin", start="08:30", end="18:00")
        require(adapter, RunsCampaigns).change_schedule(made.campaign_id, schedule)
        return made.campaign_id

    def running(self, outside: RunningOutside) -> str:
        """A started campaign with all of the world's leads."""
        campaign_id = self.campaign(outside)
        adapter = outside.adapter
        self.before_leads(outside, campaign_id)
        added = require(adapter, KeepsLeads).add_leads(campaign_id, outside.leads)
        assert added.added == len(outside.leads)
        require(adapter, RunsCampaigns).start_campaign(campaign_id)
        return campaign_id

    def before_leads(self, outside: RunningOutside, campaign_id: str) -> None:
        """What a provider needs before people can be added."""

    def people(self, outside: RunningOutside, campaign_id: str) -> list[ProviderLead]:
        adapter = require(outside.adapter, KeepsLeads)
        return everything(lambda cursor: adapter.list_leads(campaign_id, cursor=cursor, limit=2))

    def person(self, outside: RunningOutside, campaign_id: str, lead: NewLead) -> ProviderLead:
        def is_them(found: ProviderLead) -> bool:
            return lead.key in {found.email, found.profile_url.rstrip("/").lower()}

        return next(found for found in self.people(outside, campaign_id) if is_them(found))

    def thread(self, outside: RunningOutside, campaign_id: str, lead: ProviderLead) -> list[ProviderMessage]:
        return list(require(outside.adapter, KeepsThreads).lead_messages(campaign_id, lead).items)

    @needs(Capability.RUNS_CAMPAIGNS)
    def test_campaigns(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, RunsCampaigns)
        campaign_id = self.campaign(outside, "One")
        self.campaign(outside, "Two")
        found = everything(lambda cursor: adapter.list_campaigns(cursor=cursor, limit=1))
        assert {item.name for item in found} >= {"One", "Two"}
        assert len({item.campaign_id for item in found}) == len(found)
        one = adapter.get_campaign(campaign_id)
        assert one.name == "One"
        assert one.status is CampaignStatus.DRAFT
        assert one.raw_status
        for missing in ("999999", "no-such-campaign"):
            with pytest.raises(ProviderError) as caught:
                adapter.get_campaign(missing)
            assert caught.value.kind is ErrorKind.NOT_FOUND

    @needs(Capability.KEEPS_SEQUENCES)
    def test_sequences(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, KeepsSequences)
        campaign_id = self.campaign(outside)
        for _ in range(2):  # saving replaces, also where the provider itself appends
            kept = adapter.save_sequence(campaign_id, outside.steps)
            assert kept == adapter.get_sequence(campaign_id)
            assert kept.is_linear
            told = [
                (item.number, item.action, item.wait_days, item.body, item.same_thread) for item in kept.steps
            ]
            assert told == [
                (item.number, item.action, item.wait_days, item.body, item.same_thread)
                for item in outside.steps
            ]
        assert adapter.check_sequence(outside.steps) == ()

    @needs(Capability.KEEPS_SEQUENCES)
    def test_what_cannot_be_expressed_is_refused_before_anything_is_pushed(
        self, outside: RunningOutside
    ) -> None:
        adapter = require(outside.adapter, KeepsSequences)
        campaign_id = self.campaign(outside)
        before = adapter.get_sequence(campaign_id)
        assert outside.impossible
        for sequence, name in outside.impossible:
            problems = adapter.check_sequence(sequence)
            assert name in {problem.field for problem in problems}
            with pytest.raises(ProviderError) as caught:
                adapter.save_sequence(campaign_id, sequence)
            assert caught.value.kind is ErrorKind.VALIDATION
            assert problems[0].message in caught.value.message
        assert adapter.get_sequence(campaign_id) == before

    @needs(Capability.ASSIGNS_SENDERS)
    def test_senders(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, AssignsSenders)
        campaign_id = self.campaign(outside)
        for wanted in (outside.accounts, outside.accounts[1:], outside.accounts[:1]):
            adapter.set_campaign_accounts(campaign_id, wanted)
            assert {found.account_id for found in adapter.campaign_accounts(campaign_id)} == set(wanted)
        with pytest.raises(ProviderError) as caught:
            adapter.set_campaign_accounts(campaign_id, [*outside.accounts[:1], "nobody@nowhere.example"])
        assert caught.value.kind is ErrorKind.NOT_FOUND

    @needs(Capability.KEEPS_LEADS)
    def test_leads(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, KeepsLeads)
        campaign_id = self.running(outside)
        people = self.people(outside, campaign_id)
        assert len(people) == len(outside.leads)
        assert len({found.lead_id for found in people}) == len(people)
        first = self.person(outside, campaign_id, outside.leads[0])
        assert first.first_name == outside.leads[0].first_name
        assert first.campaign_id == campaign_id
        again = adapter.add_leads(campaign_id, outside.leads[:1])
        assert again.added == 0
        assert len(self.people(outside, campaign_id)) == len(outside.leads)
        with pytest.raises(ProviderError) as caught:
            adapter.add_leads(campaign_id, [outside.leads[0]] * (adapter.lead_batch + 1))
        assert caught.value.kind is ErrorKind.VALIDATION

    @needs(Capability.RUNS_CAMPAIGNS, Capability.KEEPS_THREADS)
    def test_a_campaign_runs_and_is_answered(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, RunsCampaigns)
        campaign_id = self.running(outside)
        assert adapter.get_campaign(campaign_id).status is CampaignStatus.RUNNING
        one, two = outside.leads[:2]
        outside.jump(0.1)
        for lead in (one, two):
            outside.connect(lead)
        outside.jump(0.5)
        outside.reply(one, "Tell me more")
        outside.jump(9)
        answered = self.thread(outside, campaign_id, self.person(outside, campaign_id, one))
        inbound = [message for message in answered if message.direction is Direction.INBOUND]
        assert [message.text for message in inbound] == ["Tell me more"]
        outbound = [message for message in answered if message.direction is Direction.OUTBOUND]
        assert inbound[0].sequence_step_number == outbound[-1].sequence_step_number
        assert inbound[0].sent_at >= outbound[-1].sent_at
        silent = self.thread(outside, campaign_id, self.person(outside, campaign_id, two))
        numbers = [message.sequence_step_number for message in silent]
        assert numbers == [step.number for step in outside.steps if step.body][: len(numbers)]
        assert len(silent) > len(outbound)
        assert len({message.chat_id for message in answered}) == 1
        assert {message.account_id for message in answered} == set(outside.accounts[:1])
        (event,) = self.normalised(outside, inbound[0])
        assert isinstance(event, events.MessageReceived)
        assert event.is_reply
        assert event.campaign_id == campaign_id
        newest = require(outside.adapter, KeepsThreads).list_replies().items
        assert inbound[0].provider_message_id in {message.provider_message_id for message in newest}

    def normalised(self, outside: RunningOutside, message: ProviderMessage) -> tuple[events.Event, ...]:
        return (
            require(outside.adapter, KeepsThreads).events_from_thread(message, seen_at=outside.now()).events
        )

    @needs(Capability.KEEPS_THREADS)
    def test_answering(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, KeepsThreads)
        campaign_id = self.running(outside)
        outside.jump(0.1)
        outside.connect(outside.leads[0])
        outside.jump(0.5)
        outside.reply(outside.leads[0], "How much is it?")
        lead = self.person(outside, campaign_id, outside.leads[0])
        question = self.thread(outside, campaign_id, lead)[-1]
        assert question.direction is Direction.INBOUND
        receipt = adapter.reply_to_thread(ThreadReply(answers=question, text="Nothing at all"))
        assert receipt.chat_id == question.chat_id
        ours = self.thread(outside, campaign_id, lead)[-1]
        assert ours.direction is Direction.OUTBOUND
        assert "Nothing at all" in ours.text
        assert ours.sequence_step_number is None

    @needs(Capability.STOPS_LEADS)
    def test_one_person_can_be_stopped(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, StopsLeads)
        campaign_id = self.running(outside)
        lead = self.person(outside, campaign_id, outside.leads[0])
        assert isinstance(outside.adapter, HoldsLeads) is outside.pauses_leads
        if isinstance(outside.adapter, HoldsLeads):
            outside.adapter.pause_lead(campaign_id, lead)
            assert self.person(outside, campaign_id, outside.leads[0]).status is LeadStatus.PAUSED
            outside.adapter.resume_lead(campaign_id, lead)
        adapter.stop_lead(campaign_id, lead)
        outside.jump(9)
        assert self.person(outside, campaign_id, outside.leads[0]).status is LeadStatus.STOPPED
        assert self.thread(outside, campaign_id, lead) == []

    @needs(Capability.CATEGORISES_LEADS)
    def test_categories(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, CategorisesLeads)
        campaign_id = self.running(outside)
        category = adapter.list_categories()[0]
        lead = self.person(outside, campaign_id, outside.leads[0])
        adapter.set_category(campaign_id, lead, category.category_id, pause=False)
        changed = self.person(outside, campaign_id, outside.leads[0])
        assert category.category_id in {changed.category_id, changed.category}

    @needs(Capability.RUNS_CAMPAIGNS)
    def test_pausing_and_stopping(self, outside: RunningOutside) -> None:
        adapter = require(outside.adapter, RunsCampaigns)
        campaign_id = self.running(outside)
        paused = adapter.pause_campaign(campaign_id)
        assert paused.status is CampaignStatus.PAUSED
        outside.jump(1)
        assert self.thread(outside, campaign_id, self.person(outside, campaign_id, outside.leads[0])) == []
        assert adapter.start_campaign(campaign_id).status in {CampaignStatus.RUNNING, CampaignStatus.STARTING}
        if outside.stops_campaigns:
            ended = adapter.stop_campaign(campaign_id)
            assert ended.status in {CampaignStatus.STOPPED, CampaignStatus.ARCHIVED}
        else:
            with pytest.raises(ProviderError) as caught:
                adapter.stop_campaign(campaign_id)
            assert caught.value.kind is ErrorKind.UNSUPPORTED

    @needs(Capability.COUNTS_CAMPAIGNS)
    def test_statistics(self, outside: RunningOutside) -> None:
        campaign_id = self.running(outside)
        outside.jump(0.1)
        outside.connect(outside.leads[0])
        outside.jump(0.5)
        outside.reply(outside.leads[0], "Go on")
        counted = require(outside.adapter, CountsCampaigns).campaign_statistics(campaign_id)
        assert counted.replied == 1
        assert counted.contacted == len(outside.leads)

    def test_polled_keys_do_not_depend_on_when(self, outside: RunningOutside) -> None:
        campaign_id = self.running(outside)
        outside.jump(0.1)
        outside.connect(outside.leads[0])
        outside.jump(0.5)
        lead = self.person(outside, campaign_id, outside.leads[0])
        adapter = require(outside.adapter, KeepsThreads)

        def keys() -> list[str]:
            thread = self.thread(outside, campaign_id, lead)
            told = [adapter.events_from_thread(message, seen_at=NOW) for message in thread]
            return [event.dedupe_key for item in told for event in item.events]

        first = keys()
        assert first
        assert first == keys()

    @needs(Capability.RECEIVES_WEBHOOKS, Capability.MANAGES_WEBHOOKS)
    def test_calls_and_polls_tell_the_same_facts(self, outside: RunningOutside) -> None:
        adapter = outside.adapter
        campaign_id = self.campaign(outside)
        for wanted in adapter.required_webhooks(url="http://127.0.0.1:9/hooks/x", secret="s" * 20):
            adapter.create_webhook(wanted)
        self.before_leads(outside, campaign_id)
        adapter.add_leads(campaign_id, outside.leads)
        adapter.start_campaign(campaign_id)
        outside.jump(0.1)
        outside.connect(outside.leads[0])
        outside.jump(0.5)
        outside.reply(outside.leads[0], "Tell me more")
        told = [
            event
            for body in outside.calls()
            for event in adapter.normalise(body, headers={}, received_at=NOW, knowledge=NoKnowledge()).events
        ]
        lead = self.person(outside, campaign_id, outside.leads[0])
        polled = [
            event
            for item in self.thread(outside, campaign_id, lead)
            for event in self.normalised(outside, item)
        ]
        (reply,) = [event for event in polled if getattr(event, "is_reply", False)]
        (called,) = {event.dedupe_key: event for event in told if getattr(event, "is_reply", False)}.values()
        compared = ["dedupe_key", "account_id", "chat_id", "campaign_id", "text"]
        compared += ["sequence_step_number"] if outside.calls_tell_steps else []
        assert {name: getattr(called, name) for name in compared} == {
            name: getattr(reply, name) for name in compared
        }
        keys = {event.dedupe_key for event in told}
        assert {event.dedupe_key for event in polled} <= keys
        assert "message_received" in {event.kind for event in told}
