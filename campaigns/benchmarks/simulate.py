"""``simulate``: the wind tunnel over 10,000 people, 60 days and three channels, as a worker runs it.

Everything is the product's: the list, senders, budgets and suppressions come from the database, every seed and the
sender more are run, the result is stored. A process of its own does it, so that its memory is what it takes. The
second figure beside it is the interpreter alone: the same plan walked by one loop without queue, limits and texts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from campaigns.models import Campaign, CampaignSender, Company, Lead, LeadChannel, Simulation
from campaigns.plans import interpreter
from campaigns.plans.schema import Plan
from campaigns.plans.state import context_for
from campaigns.scheduling import Calendar
from campaigns.simulation.forecast import seeds_for
from integrations.models import Connection, SenderAccount
from project.core.bench import BenchOptions, BenchResult, Target, median_of
from project.core.db.base import owner_connection
from project.core.ids import uuid7
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import Client, Organization

PEOPLE = 10_000
DAYS = 60
START = datetime(2027, 3, 1, 7, tzinfo=UTC)
SENDERS = {"linkedin": 40, "email": 30, "sms": 4}

_WORKER = """
import json, resource, sys, time
import django
django.setup()
from project.core.scoping import organization_scope
from campaigns.services import simulations
began, cpu = time.perf_counter(), time.process_time()
with organization_scope(sys.argv[1]):
    simulations.work(simulation_id=sys.argv[2], seeds=int(sys.argv[3]))
seconds = time.perf_counter() - began
cpu = time.process_time() - cpu
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": cpu, "mib": mib}))
"""

PLAN: dict[str, Any] = {
    "version": "1.0",
    "timezone": "Europe/Berlin",
    "quietHours": {"start": "21:00", "end": "07:30"},
    "startNodeId": "intro",
    "nodes": [
        {"id": "intro", "type": "send", "channel": "email", "action": "email",
         "variants": [
             {"id": "a", "content": {
                 "subject": "{{ company.name }} and month-end",
                 "body": "Hi {{ lead.first_name | default: 'there' }}, {I saw|I read} about {{ company.name }}."}},
             {"id": "b", "content": {
                 "subject": "A question, {{ lead.first_name | default: 'there' }}",
                 "body": "{% if lead.title %}As {{ lead.title }} you know month-end.{% endif %} Best, "
                         "{{ sender.first_name }}"}}],
         "transitions": [{"on": "click", "within": "P5D", "to": "invite"},
                         {"on": "no_open", "after": "PT72H", "to": "invite"},
                         {"on": "no_reply", "after": "P4D", "workingDays": True, "to": "bump"}]},
        {"id": "bump", "type": "send", "channel": "email", "action": "email", "threadWith": "intro",
         "content": {"body": "{{ lead.first_name | default: 'Hello' }}, {did this reach you|any thoughts}?"},
         "transitions": [{"on": "no_reply", "after": "P3D", "workingDays": True, "to": "invite"}]},
        {"id": "invite", "type": "send", "channel": "linkedin", "action": "invite",
         "content": {"note": "Hi {{ lead.first_name | default: 'there' }}, {happy to connect|shall we connect}?"},
         "transitions": [{"on": "accepted", "to": "pause"}, {"on": "no_accept", "after": "P10D", "to": "text"}]},
        {"id": "pause", "type": "wait", "duration": "P1D", "workingDays": True,
         "transitions": [{"on": "elapsed", "to": "dm"}]},
        {"id": "dm", "type": "send", "channel": "linkedin", "action": "message",
         "content": {"text": "Thanks, {{ lead.first_name | default: 'you' }}. How is month-end?"},
         "transitions": [{"on": "no_reply", "after": "P5D", "to": "text"}]},
        {"id": "text", "type": "send", "channel": "sms", "action": "sms",
         "content": {"text": "Hi {{ lead.first_name | default: 'there' }}, {a short|a quick} question."},
         "transitions": [{"on": "no_reply", "after": "P3D", "to": "end"}]},
        {"id": "end", "type": "stop", "outcome": "completed"},
    ],
}  # fmt: skip


def simulate(options: BenchOptions) -> BenchResult:
    """Simulate at a tenth of the size and at full size; the median of three runs at full size counts.

    Both sizes are run with as many seeds as the full one gets, so that a step bears the same share of the loading.
    """
    full = PEOPLE // 10 if options.quick else PEOPLE
    seeds = seeds_for(full)
    rounds = []
    with campaign(full // 10) as small, campaign(full) as large:
        for number in range(1 if options.quick else 3):
            options.say(f"simulate: round {number + 1}")
            bare = _interpreter_alone()
            tenth, whole = _run(*small, seeds), _run(*large, seeds)
            rounds.append(
                {
                    "seconds": whole["seconds"],
                    "mib": whole["mib"],
                    "cpu_seconds": whole["cpu"],
                    "us_per_step": whole["us_per_step"],
                    "growth": whole["us_per_step"] / tenth["us_per_step"],
                    "to_interpreter": whole["us_per_step"] / bare,
                    "bare_us_per_step": bare,
                    "steps": whole["steps"],
                    "runs": whole["runs"],
                    "touches": whole["touches"],
                    "small_us_per_step": tenth["us_per_step"],
                }
            )
    figures = median_of(rounds)
    keys = ("seconds", "mib", "growth", "to_interpreter")
    return BenchResult(
        name="simulate",
        figures={"people": full, "days": DAYS, **figures},
        baseline={"interpreter_us_per_step": figures["bare_us_per_step"]},
        ratios={key: figures[key] for key in keys},
        targets={
            "seconds": Target(30, "at_most"),
            "mib": Target(400, "at_most"),
            "growth": Target(1.2, "at_most"),
        },
    )


def _run(organization_id: UUID, campaign_id: UUID, seeds: int) -> dict[str, float]:
    """One simulation in a process of its own."""
    with organization_scope(organization_id):
        found = Campaign.objects.get(id=campaign_id)
        made = Simulation.objects.create(
            client_id=found.client_id, campaign=found, days=DAYS, starts_at=START
        )
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, str(organization_id), str(made.id), str(seeds)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    with organization_scope(organization_id):
        result = Simulation.objects.get(id=made.id).result
    steps = result["steps"]
    touches = sum(row["count"] for row in result["touches"])
    return {
        **measured,
        "steps": steps,
        "runs": result["finish"]["runs"] + 1,
        "touches": touches,
        "us_per_step": measured["seconds"] / steps * 1e6,
    }


def _interpreter_alone(people: int = 1_000) -> float:
    """Microseconds per call of the interpreter for people who never do anything."""
    plan = Plan.model_validate(PLAN)
    calendar = Calendar()
    calls = 0
    began = time.perf_counter()
    for number in range(people):
        ctx = context_for(plan, calendar, seed=str(number))
        state = interpreter.start(plan, START, ctx).state
        calls += 1
        while not state.ended:
            if state.send is None:
                state = interpreter.timer_due(plan, state, state.timers[0].at, ctx).state
                calls += 1
                continue
            node, visit = state.send.node, state.send.visit
            at = max(state.send.due_at, state.as_of)
            state = interpreter.send_attempted(plan, state, node, visit, at, ctx).state
            state = interpreter.send_result(plan, state, node, visit, "sent", at, ctx).state
            calls += 2
    return (time.perf_counter() - began) / calls * 1e6


@contextmanager
def campaign(people: int) -> Iterator[tuple[UUID, UUID]]:
    """Make an organization with a draft over ``people`` leads; yields its id and the campaign's."""
    organization = Organization.objects.create(name="Simulate", slug=f"simulate-{uuid7().hex}")
    try:
        with no_scope(), organization_scope(organization.id):
            made = _campaign(people)
        yield organization.id, made
    finally:
        with owner_connection(), platform_scope("remove the organization of a benchmark"):
            organization.delete()


def _campaign(people: int) -> UUID:
    client = Client.objects.create(name="Client", slug="client", time_zone="Europe/Berlin")
    made = Campaign.objects.create(
        client=client,
        name="Wind tunnel",
        time_zone="Europe/Berlin",
        holiday_country="DE",
        draft_plan=PLAN,
        audience={"kind": "all"},
    )
    connected = Connection.objects.create(provider="unipile", name="Connection", status="ok")
    for channel, count in SENDERS.items():
        for number in range(max(1, count * people // PEOPLE)):
            sender = SenderAccount.objects.create(
                client=client, connection=connected, channel=channel, name=f"Sender {number} of {channel}",
                provider_account_id=f"{channel}-{number}", status="ok", time_zone="Europe/Berlin",
            )  # fmt: skip
            CampaignSender.objects.create(campaign=made, sender=sender)
    _people(client, people)
    return UUID(str(made.id))


def _people(client: Client, people: int) -> None:
    """Leads with three addresses each; one in three at Gmail, one in ten without a first name."""
    companies = Company.objects.bulk_create(
        [
            Company(client=client, name=f"Company {number}", name_key=f"company {number}")
            for number in range(people // 4 + 1)
        ],
        batch_size=2000,
    )
    leads = Lead.objects.bulk_create(
        [
            Lead(
                client=client,
                company=companies[number // 4],
                first_name="" if number % 10 == 0 else f"Ada{number}",
                last_name="Berg",
                title="Controller",
                country="DE",
            )
            for number in range(people)
        ],
        batch_size=2000,
    )
    channels = []
    for number, lead in enumerate(leads):
        domain = "gmail.com" if number % 3 == 0 else f"company{number // 4}.test"
        for kind, value in (
            ("email", f"ada{number}@{domain}"),
            ("linkedin", f"ada-{number}"),
            ("sms", f"+4915{number:08d}"),
        ):
            channels.append(LeadChannel(client=client, lead=lead, kind=kind, value=value, normalized=value))
    LeadChannel.objects.bulk_create(channels, batch_size=4000)
