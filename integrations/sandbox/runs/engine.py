"""How campaigns run: steps come due on the sandbox clock, people answer, bounce, accept and opt out.

Working hours are not kept: a campaign sends around the clock. Each provider tells of what happens in its own words
(``TELLERS``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from integrations.sandbox.clock import MINUTE, utc_now
from integrations.sandbox.people import Person
from integrations.sandbox.replies import reply_text
from integrations.sandbox.runs import state
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

#: Sandbox seconds until a campaign's first step, between two people's, and until a mail comes back.
_FIRST_AFTER, _SPREAD, _BOUNCE_AFTER = 60.0, 20.0, 60.0
_HOLE = re.compile(r"\{\{?\s*([A-Za-z_][A-Za-z0-9_ -]*)\s*\}?\}")
_ENDED = ("replied", "completed", "stopped", "blocked")


@dataclass(frozen=True)
class Happening:
    """What a provider tells of: ``name`` is ours (``sent``, ``replied``, ...), the rows whom it concerns."""

    name: str
    account: Row | None = None
    campaign: Row | None = None
    member: Row | None = None
    lead: Row | None = None
    message: Row | None = None
    facts: dict[str, Any] = field(default_factory=dict)


#: Provider -> how it tells: (world, happening).
TELLERS: dict[str, Callable[[World, Happening], None]] = {}


def tell(
    world: World, p: str, name: str, *, member: Row | None = None, message: Row | None = None, **facts: Any
) -> None:
    """Let the provider tell of something about a member, or about a message."""
    campaign_id = (
        member["campaign_id"] if member else message["campaign_id"] if message else facts.get("campaign_id")
    )
    lead_id = member["lead_id"] if member else message["lead_id"] if message else facts.get("lead_id")
    account_id = (
        message["account_id"] if message else member["account_id"] if member else facts.get("account_id")
    )
    TELLERS[p](
        world,
        Happening(
            name,
            account=state.account(world, p, account_id) if account_id else None,
            campaign=state.campaign(world, p, campaign_id) if campaign_id else None,
            member=member,
            lead=state.lead(world, p, lead_id) if lead_id else None,
            message=message,
            facts=facts,
        ),
    )


# ---- campaigns


def start(world: World, row: Row) -> Row:
    """Let a campaign run: whoever is waiting gets their next step."""
    changed = state.change_campaign(world, row, status="running")
    if row["status"] != "running":
        tell(world, row["p"], "campaign_status", campaign_id=row["id"])
    for place, member in enumerate(state.members(world, row["id"])):
        if member["status"] in state.ACTIVE:
            plan(world, member, wait=_FIRST_AFTER + _SPREAD * (place % 50))
    return changed


def halt(world: World, row: Row, status: str) -> Row:
    """Pause, stop or archive a campaign."""
    changed = state.change_campaign(world, row, status=status)
    if row["status"] != status:
        tell(world, row["p"], "campaign_status", campaign_id=row["id"])
    return changed


def enrol(world: World, campaign: Row, lead: Row, account_id: int | None = None) -> Row | None:
    """Put a lead into a campaign; ``None`` if it was in it."""
    senders = state.campaign_accounts(world, campaign["id"])
    count = len(state.members(world, campaign["id"]))
    chosen = account_id or (senders[count % len(senders)]["id"] if senders else None)
    member = state.add_member(world, campaign["id"], lead["id"], chosen)
    if member is not None and campaign["status"] == "running":
        plan(world, member, wait=_FIRST_AFTER + _SPREAD * (count % 50))
    return member


def enrol_later(world: World, campaign: Row, lead: Row, *, wait: float) -> None:
    """Put a lead into a campaign once ``wait`` seconds of the sandbox have passed."""
    p, payload = campaign["p"], {"campaign": campaign["id"], "lead": lead["id"]}
    world.agenda.add(
        f"{p}.attach", due=world.clock.now() + wait, subject=f"{p}|lead|{lead['id']}", payload=payload
    )


def _agenda_attach(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    campaign = state.must(state.campaign(world, p, payload["campaign"]))
    enrol(world, campaign, state.must(state.lead(world, p, payload["lead"])))


def plan(world: World, member: Row, *, wait: float) -> None:
    """Let the member's next step come due."""
    row = state.must(world.store.one("SELECT p FROM runs_campaigns WHERE id = ?", member["campaign_id"]))
    subject = f"{row['p']}|member|{member['id']}"
    world.agenda.cancel(subject, (f"{row['p']}.step",))
    world.agenda.add(
        f"{row['p']}.step", due=world.clock.now() + wait, subject=subject, payload={"member": member["id"]}
    )


def _agenda_step(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    member = world.store.one("SELECT * FROM runs_members WHERE id = ?", payload["member"])
    if member is None or member["status"] not in state.ACTIVE:
        return
    campaign = state.must(state.campaign(world, p, member["campaign_id"]))
    steps = state.steps(world, campaign["id"])
    if campaign["status"] != "running" or member["step"] >= len(steps):
        return
    if member["invited"] and not member["connected"]:
        return  # the next step waits for the acceptance
    lead = state.must(state.lead(world, p, member["lead_id"]))
    if member["account_id"] is None:
        senders = state.campaign_accounts(world, campaign["id"])
        if not senders:
            return
        member = state.change_member(world, member, account_id=senders[0]["id"])
    number = member["step"] + 1
    member = state.change_member(world, member, status="in_progress", step=number, last_at=state.stamp())
    _perform(world, p, campaign, member, lead, steps[number - 1], due)
    if number < len(steps):
        follow = steps[number]
        world.agenda.add(
            f"{p}.step", due=due + follow["wait"], subject=f"{p}|member|{member['id']}",
            payload={"member": member["id"]},
        )  # fmt: skip
    else:
        end(world, p, member, "completed")


def _perform(world: World, p: str, campaign: Row, member: Row, lead: Row, step: Row, due: float) -> None:
    person = world.people.meet(lead["slug"])
    if step["kind"] not in {"email", "message", "inmail", "invite"}:
        tell(world, p, step["kind"], member=member)
        return
    before = state.last_sent(world, p, lead["id"], campaign["id"])
    words = _words(world, person, lead, member)
    subject = _filled(step["subject"], words) or (before["subject"] if before else "")
    message = state.add_message(
        world, p, campaign_id=campaign["id"], lead_id=lead["id"], account_id=member["account_id"], inbound=0,
        kind=step["kind"], subject=subject, body=_filled(step["body"], words), step=step["number"],
    )  # fmt: skip
    if step["kind"] == "invite":
        member = state.change_member(world, member, invited=1)
        tell(world, p, "invited", member=member, message=message)
        _expect(world, p, person, message, due, "accept")
        return
    tell(world, p, "sent", member=member, message=message)
    mail = person.behaviour.mail
    if step["kind"] == "email" and (not person.exists or mail in {"bounce", "async_bounce", "block", "drop"}):
        world.agenda.add(
            f"{p}.bounce",
            due=due + _BOUNCE_AFTER,
            subject=_subject(p, person),
            payload={"message": message["id"]},
        )
        return
    _expect(world, p, person, message, due, "read")
    _expect(world, p, person, message, due, "reply")


def end(world: World, p: str, member: Row, status: str, reason: str = "") -> Row:
    """The campaign is over for one lead; and as a whole once it is for all."""
    world.agenda.cancel(f"{p}|member|{member['id']}", (f"{p}.step",))
    changed = state.change_member(world, member, status=status, reason=reason or member["reason"])
    campaign = state.must(state.campaign(world, p, member["campaign_id"]))
    open_ = [row for row in state.members(world, campaign["id"]) if row["status"] not in _ENDED]
    if not open_ and campaign["status"] == "running":
        halt(world, campaign, "completed")
    return changed


# ---- people


def _subject(p: str, person: Person) -> str:
    return f"{p}|{person.slug}"


def stop_autopilot(world: World, p: str, person: Person) -> None:
    """Forget what this person was about to do: somebody plays them by hand now."""
    kinds = tuple(f"{p}.{kind}" for kind in ("read", "reply", "accept"))
    world.agenda.cancel(_subject(p, person), kinds)


def _expect(world: World, p: str, person: Person, message: Row, at: float, what: str) -> None:
    """Let a person do something about a message, in character."""
    if not world.settings["autopilot"] or person.behaviour.ignores:
        return
    chance = getattr(person.behaviour, f"{what}_probability")
    low, high = getattr(person.behaviour, f"{what}_delay_minutes")
    occasion = (what, message["campaign_id"], message["step"])
    if person.rng(*occasion).random() >= chance:
        return
    world.agenda.add(
        f"{p}.{what}", due=at + person.rng("delay", *occasion).uniform(low, high) * MINUTE,
        subject=_subject(p, person), payload={"message": message["id"]},
    )  # fmt: skip


def _agenda_read(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    message = state.must(state.message(world, p, payload["message"]))
    opened(world, p, message)
    person = world.people.meet(state.must(state.lead(world, p, message["lead_id"]))["slug"])
    if person.rng("click", message["id"]).random() < person.behaviour.click_probability:
        clicked(world, p, message, "https://www.example.com/")


def _agenda_reply(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    message = state.must(state.message(world, p, payload["message"]))
    lead = state.must(state.lead(world, p, message["lead_id"]))
    person = world.people.meet(lead["slug"])
    written = [row for row in state.messages(world, p, lead_id=lead["id"]) if row["inbound"]]
    if len(written) < person.behaviour.max_replies:
        say(world, p, message, compose(person, message["id"], follow_up=bool(written)))


def _agenda_accept(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    accepted(world, p, state.must(state.message(world, p, payload["message"])))


def _agenda_bounce(p: str, world: World, payload: dict[str, Any], due: float) -> None:
    bounced(world, p, state.must(state.message(world, p, payload["message"])))


def compose(person: Person, occasion: int, *, intent: str | None = None, follow_up: bool = False) -> str:
    """What the person would write on this occasion, of the given intent or one in character."""
    rng = person.rng("words", occasion)
    weights: dict[str, float] = person.behaviour.intents
    chosen = intent or rng.choices(list(weights), list(weights.values()))[0]
    back = utc_now() + timedelta(days=rng.randrange(3, 18))
    words = {
        "sender": "there", "first": person.first_name, "company": person.company, "role": person.role,
        "colleague": "Sam Baker", "mail": "sam@company.example", "phone": "+49 30 5550 1234",
        "date": f"{back.day} {back:%B}",
    }  # fmt: skip
    return reply_text(chosen, rng, words, follow_up=follow_up)


def member_of(world: World, message: Row) -> Row | None:
    """The membership that a message belongs to."""
    return state.member(world, message["campaign_id"], message["lead_id"])


def say(world: World, p: str, answered: Row, text: str, *, automated: bool = False) -> Row:
    """The person answers a message of ours. A human answer ends the campaign for them."""
    row = state.add_message(
        world, p, campaign_id=answered["campaign_id"], lead_id=answered["lead_id"], account_id=answered["account_id"],
        inbound=1, kind=answered["kind"] if answered["kind"] != "invite" else "message",
        subject=f"Re: {answered['subject']}" if answered["subject"] else "", body=text, thread=answered["thread"],
        answers=answered["id"], automated=int(automated),
    )  # fmt: skip
    member = member_of(world, answered)
    if member is not None and not automated and member["status"] not in {"stopped", "blocked"}:
        member = end(world, p, member, "replied")
    tell(world, p, "replied", member=member, message=row, automated=automated)
    return row


def write(world: World, p: str, after: Row, text: str) -> Row:
    """The person writes to our account past every thread: the provider lays it to no campaign."""
    row = state.add_message(
        world, p, campaign_id=None, lead_id=after["lead_id"], account_id=after["account_id"], inbound=1,
        kind=after["kind"], subject="A new subject", body=text,
    )  # fmt: skip
    tell(world, p, "untracked", message=row)
    return row


def answer(world: World, p: str, answered: Row, body: str) -> Row:
    """We answer a message of theirs by hand, through the API."""
    row = state.add_message(
        world, p, campaign_id=answered["campaign_id"], lead_id=answered["lead_id"], account_id=answered["account_id"],
        inbound=0, kind=answered["kind"], subject=answered["subject"], body=body, thread=answered["thread"],
        answers=answered["id"],
    )  # fmt: skip
    tell(world, p, "manual_sent", member=member_of(world, answered), message=row)
    return row


def opened(world: World, p: str, message: Row) -> None:
    """The person opens a mail."""
    world.store.run("UPDATE runs_messages SET opens = opens + 1, read = 1 WHERE id = ?", message["id"])
    tell(world, p, "opened", member=member_of(world, message), message=state.message(world, p, message["id"]))


def clicked(world: World, p: str, message: Row, url: str) -> None:
    """The person follows a link."""
    world.store.run("UPDATE runs_messages SET clicks = clicks + 1 WHERE id = ?", message["id"])
    changed = state.message(world, p, message["id"])
    tell(world, p, "clicked", member=member_of(world, message), message=changed, url=url)


def bounced(world: World, p: str, message: Row) -> None:
    """A mail comes back."""
    world.store.run("UPDATE runs_messages SET bounced = 1 WHERE id = ?", message["id"])
    member = member_of(world, message)
    if member is not None:
        member = end(world, p, member, "blocked", "bounced")
    tell(world, p, "bounced", member=member, message=state.message(world, p, message["id"]))


def accepted(world: World, p: str, message: Row) -> None:
    """The person accepts the invitation: the campaign goes on for them."""
    member = member_of(world, message)
    if member is None or member["connected"]:
        return
    member = state.change_member(world, member, connected=1, last_at=state.stamp())
    tell(world, p, "accepted", member=member, message=message)
    steps = state.steps(world, member["campaign_id"])
    if member["status"] in state.ACTIVE and member["step"] < len(steps):
        plan(world, member, wait=steps[member["step"]]["wait"])


def unsubscribed(world: World, p: str, lead: Row) -> None:
    """A lead is out of everything."""
    world.store.run("UPDATE runs_leads SET unsubscribed = 1 WHERE id = ?", lead["id"])
    rows = world.store.all("SELECT * FROM runs_members WHERE lead_id = ?", lead["id"])
    for member in rows:
        if member["status"] not in _ENDED:
            end(world, p, member, "stopped", "unsubscribed")
    last = state.last_sent(world, p, lead["id"])
    tell(world, p, "unsubscribed", member=rows[-1] if rows else None, message=last, lead_id=lead["id"])


def _words(world: World, person: Person, lead: Row, member: Row) -> dict[str, str]:
    given = {str(name).lower(): str(value) for name, value in state.fields_of(lead).items() if value}
    custom = given | {
        str(name).lower(): str(value) for name, value in (state.fields_of(lead).get("custom") or {}).items()
    }
    account = state.account(world, lead["p"], member["account_id"])
    return {
        "first_name": person.first_name, "last_name": person.last_name or "", "company": person.company,
        "company_name": person.company, "title": person.role, "position": person.role,
        "sender_email_signature": account["name"] if account else "", **custom,
    }  # fmt: skip


def _filled(text: str, words: dict[str, str]) -> str:
    return _HOLE.sub(lambda match: words.get(match.group(1).strip().lower(), ""), text)


def agenda_of(p: str) -> Mapping[str, Callable[[World, dict[str, Any], float], None]]:
    """What may come due for a provider."""
    handlers = {
        "step": _agenda_step, "attach": _agenda_attach, "bounce": _agenda_bounce,
        "read": _agenda_read, "reply": _agenda_reply, "accept": _agenda_accept,
    }  # fmt: skip
    return {f"{p}.{name}": partial(handler, p) for name, handler in handlers.items()}
