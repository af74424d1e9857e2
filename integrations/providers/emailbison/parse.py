"""EmailBison's objects as values (docs/providers/emailbison.md)."""

from __future__ import annotations

from typing import Any, Final

from integrations.mail.plain import plain_of
from integrations.mail.replies import new_text
from integrations.outreach import variables
from integrations.outreach.fields import (
    address,
    count,
    first_moment,
    flag,
    mapping,
    moment,
    objects,
    text,
    without,
)
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    CampaignStatus,
    LeadStatus,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderStatistics,
    SequenceStep,
    StepAction,
    StepVariant,
)
from integrations.values import Account, AccountStatus, Direction, Person, Raw

SECRETS: Final = ("password", "imap_password", "smtp_password", "webhooks_secret_key", "api_key")
CAMPAIGN: Final = {
    "draft": CampaignStatus.DRAFT,
    "launching": CampaignStatus.STARTING,
    "queued": CampaignStatus.STARTING,
    "active": CampaignStatus.RUNNING,
    "paused": CampaignStatus.PAUSED,
    "completed": CampaignStatus.COMPLETED,
    "failed": CampaignStatus.FAILED,
    "archived": CampaignStatus.ARCHIVED,
    "pending deletion": CampaignStatus.ARCHIVED,
}
LEAD: Final = {
    "never_contacted": LeadStatus.PENDING,
    "in_sequence": LeadStatus.IN_PROGRESS,
    "sequence_finished": LeadStatus.COMPLETED,
    "sequence_stopped": LeadStatus.STOPPED,
    "replied": LeadStatus.REPLIED,
    "bounced": LeadStatus.BLOCKED,
    "unsubscribed": LeadStatus.BLOCKED,
}
INBOUND_TYPES: Final = frozenset({"tracked reply", "untracked reply"})
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPELLING: Final = {
    "first_name": "{FIRST_NAME}",
    "last_name": "{LAST_NAME}",
    "company": "{COMPANY}",
    "title": "{TITLE}",
    "email": "{EMAIL}",
}


def campaign(raw: Raw) -> ProviderCampaign:
    """Read a campaign; the case of its status differs between instances."""
    word = text(raw, "status")
    return ProviderCampaign(
        campaign_id=text(raw, "id"),
        name=text(raw, "name"),
        status=CAMPAIGN.get(word.lower(), CampaignStatus.UNKNOWN),
        raw_status=word,
        created_at=moment(raw.get("created_at")),
        updated_at=moment(raw.get("updated_at")),
        settings=settings(raw),
        lead_count=count(raw, "total_leads"),
        raw=raw,
    )


def settings(raw: Raw) -> CampaignSettings:
    """Read a campaign's settings."""
    return CampaignSettings(
        name=text(raw, "name"),
        track_opens=flag(raw.get("open_tracking")),
        plain_text=flag(raw.get("plain_text")),
        unsubscribe_text=text(raw, "unsubscribe_text") if flag(raw.get("can_unsubscribe")) else "",
        daily_limit=count(raw, "max_emails_per_day"),
        new_leads_per_day=count(raw, "max_new_leads_per_day"),
    )


def settings_body(settings: CampaignSettings) -> Raw:
    """Return settings as they are written; unset ones are left out."""
    body: Raw = {
        "name": settings.name,
        "open_tracking": settings.track_opens,
        "plain_text": settings.plain_text,
        "max_emails_per_day": settings.daily_limit,
        "max_new_leads_per_day": settings.new_leads_per_day,
    }
    if settings.unsubscribe_text is not None:
        body["can_unsubscribe"] = bool(settings.unsubscribe_text)
        body["unsubscribe_text"] = settings.unsubscribe_text or None
    return {name: value for name, value in body.items() if value is not None or name == "unsubscribe_text"}


def schedule_body(schedule: CampaignSchedule) -> Raw:
    """Return a schedule as it is written."""
    days = {day: place in schedule.days for place, day in enumerate(DAYS, 1)}
    times = {"start_time": schedule.start, "end_time": schedule.end, "timezone": schedule.timezone}
    return {**days, **times, "save_as_template": False}


def account(raw: Raw) -> Account:
    """Read a mailbox."""
    mail, word = address(text(raw, "email")), text(raw, "status")
    connected = word.lower() in {"connected", "active", ""}
    options = {
        "daily_limit": str(count(raw, "daily_limit") or ""),
        "warmup": str(flag(raw.get("warmup_enabled")) or ""),
    }
    return Account(
        account_id=text(raw, "id"),
        network="email",
        name=text(raw, "name") or mail,
        status=AccountStatus.OK if connected else AccountStatus.CREDENTIALS,
        raw_status=word,
        own_user_ids=(mail,),
        address=mail,
        created_at=moment(raw.get("created_at")),
        options={name: value for name, value in options.items() if value},
        raw=without(raw, SECRETS),
    )


def steps(rows: list[Raw]) -> tuple[SequenceStep, ...]:
    """Read the steps: variants have no order and name the step that they vary."""
    heads = [raw for raw in rows if flag(raw.get("variant")) is not True]
    heads.sort(key=lambda raw: count(raw, "order") or 0)
    return tuple(_step(raw, place, rows) for place, raw in enumerate(heads, 1))


def _step(raw: Raw, place: int, rows: list[Raw]) -> SequenceStep:
    identifier = text(raw, "id")
    others = [item for item in rows if text(item, "variant_from_step") == identifier and identifier]
    return SequenceStep(
        number=place,
        action=StepAction.EMAIL,
        # What the first one waits is not said; it has to be at least a day when written.
        wait_days=(count(raw, "wait_in_days") or 0) if place > 1 else 0,
        subject=_ours(text(raw, "email_subject")),
        body=_ours(text(raw, "email_body")),
        same_thread=flag(raw.get("thread_reply")) is True,
        variants=tuple(
            StepVariant(subject=_ours(text(item, "email_subject")), body=_ours(text(item, "email_body")))
            for item in others
        ),
        step_id=identifier,
        raw=raw,
    )


def _ours(value: str) -> str:
    return variables.read_single(value, SPELLING, str.lower)


def step_bodies(steps: list[SequenceStep]) -> list[Raw]:
    """Return steps as they are written. An answer in the thread needs a subject too."""

    def spelled(value: str) -> str:
        return variables.written(value, SPELLING, lambda name: f"{{{name.upper()}}}")

    bodies: list[Raw] = []
    subject = ""
    for step in steps:
        subject = step.subject or subject
        bodies.append(
            {
                "order": step.number,
                "email_subject": spelled(step.subject or f"Re: {subject}"),
                "email_body": spelled(step.body),
                "wait_in_days": max(1, step.wait_days),
                "variant": False,
                "thread_reply": step.same_thread,
            }
        )
    return bodies


def lead_body(lead: NewLead) -> Raw:
    """Return a person as they are written. Custom variables are a list; a mapping is refused."""
    custom = dict(lead.custom)
    custom |= {
        name: value
        for name, value in (("phone", lead.phone), ("linkedin", lead.profile_url), ("website", lead.website))
        if value
    }
    fields: Raw = {
        "email": address(lead.email),
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "title": lead.title,
        "company": lead.company,
        "custom_variables": [{"name": name, "value": value} for name, value in custom.items()],
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


def campaigns_of(raw: Raw) -> dict[str, Raw]:
    """Return how a lead stands in each of its campaigns, by campaign id."""
    return {text(item, "campaign_id"): item for item in objects(raw.get("lead_campaign_data"))}


def lead(raw: Raw, campaign_id: str) -> ProviderLead:
    """Read a person in a campaign. Who bounced or unsubscribed is out of all campaigns."""
    standing = campaigns_of(raw).get(campaign_id, {})
    own, word = text(raw, "status"), text(standing, "status")
    status = LEAD.get(word.lower(), LeadStatus.UNKNOWN)
    if own.lower() in {"bounced", "unsubscribed"}:
        status, word = LEAD[own.lower()], own
    custom = {text(item, "name"): text(item, "value") for item in objects(raw.get("custom_variables"))}
    return ProviderLead(
        lead_id=text(raw, "id"),
        campaign_id=campaign_id,
        membership_id=f"{campaign_id}:{text(raw, 'id')}",
        email=address(text(raw, "email")),
        first_name=text(raw, "first_name"),
        last_name=text(raw, "last_name"),
        company=text(raw, "company"),
        title=text(raw, "title"),
        profile_url=custom.get("linkedin", ""),
        status=status,
        raw_status=word or own,
        category="Interested" if flag(standing.get("interested")) else "",
        is_unsubscribed=own.lower() == "unsubscribed",
        added_at=moment(raw.get("created_at")),
        custom={name: value for name, value in custom.items() if name},
        raw=raw,
    )


def chat_id(campaign_id: str, lead_id: str, account_id: str, their_address: str) -> str:
    """Return the id of a thread: the person in the campaign, else mailbox and address for untracked mail."""
    if campaign_id and lead_id:
        return f"{campaign_id}:{lead_id}"
    return f"mail:{account_id}:{address(their_address)}"


def message_ids(raw: Raw, kind: str) -> dict[str, Any]:
    """Return the ids of a mail: the RFC 5322 one, and ours of the vendor's for ``kind`` (reply, scheduled)."""
    return {"message_id": f"{kind}:{text(raw, 'id')}", "provider_message_id": text(raw, "raw_message_id")}


def sent(raw: Raw, campaign_id: str, lead_id: str, numbers: dict[str, int]) -> ProviderMessage | None:
    """Read a mail of the campaign; ``None`` for one that is only planned. ``numbers``: step id -> number."""
    at = moment(raw.get("sent_at"))
    if at is None:
        return None
    campaign_id = text(raw, "campaign_id") or text(mapping(raw.get("campaign")), "id") or campaign_id
    account_id = text(mapping(raw.get("sender_email")), "id") or text(raw, "sender_email_id")
    html = text(raw, "email_body")
    return ProviderMessage(
        **message_ids(raw, "scheduled"),
        chat_id=chat_id(campaign_id, lead_id, account_id, ""),
        account_id=account_id,
        campaign_id=campaign_id,
        lead_id=lead_id,
        direction=Direction.OUTBOUND,
        raw_direction=text(raw, "status"),
        person=Person(email=address(text(mapping(raw.get("lead")), "email"))),
        subject=text(raw, "email_subject"),
        text=words(html, ""),
        html=html if "<" in html else "",
        sent_at=at,
        sequence_step_number=count(raw, "sequence_step_order") or numbers.get(text(raw, "sequence_step_id")),
        open_count=count(raw, "opens") or 0,
        click_count=count(raw, "clicks") or 0,
        raw=raw,
    )


def reply(raw: Raw) -> ProviderMessage | None:
    """Read a row of the inbox; ``None`` for bounces and for rows without a time."""
    word = text(raw, "type").lower()
    at = first_moment(raw, "date_received", "created_at")
    if at is None or not (word in INBOUND_TYPES or word == "outgoing email"):
        return None
    inbound = word in INBOUND_TYPES
    lead = mapping(raw.get("lead"))
    campaign_id, lead_id = text(raw, "campaign_id"), text(raw, "lead_id") or text(lead, "id")
    account_id = text(raw, "sender_email_id")
    others = objects(raw.get("to"))
    theirs = text(raw, "from_email_address") if inbound else text(others[0], "address") if others else ""
    html = text(raw, "html_body")
    return ProviderMessage(
        **message_ids(raw, "reply"),
        chat_id=chat_id(campaign_id, lead_id, account_id, theirs),
        provider_chat_id=text(raw, "parent_id"),
        account_id=account_id,
        campaign_id=campaign_id,
        lead_id=lead_id,
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        raw_direction=text(raw, "type"),
        person=Person(email=address(theirs), name=text(raw, "from_name") if inbound else ""),
        subject=text(raw, "subject", "email_subject"),
        text=words(html, text(raw, "text_body")),
        html=html,
        sent_at=at,
        is_automatic=flag(raw.get("automated_reply")) is True,
        raw=raw,
    )


def words(html: str, plain: str) -> str:
    """Return what was newly written in a mail."""
    seen = plain_of(html) if html else None
    return new_text(plain or (seen.full if seen else ""), before_marked_quote=seen.new if seen else "")


def statistics(raw: Raw, campaign_id: str) -> ProviderStatistics:
    """Read the counters, which are on the campaign itself."""
    return ProviderStatistics(
        campaign_id=campaign_id,
        leads=count(raw, "total_leads"),
        contacted=count(raw, "total_leads_contacted"),
        sent=count(raw, "emails_sent"),
        opened=count(raw, "unique_opens", "opened"),
        replied=count(raw, "unique_replies", "replied"),
        bounced=count(raw, "bounced"),
        unsubscribed=count(raw, "unsubscribed"),
        interested=count(raw, "interested"),
        raw=raw,
    )
