"""Smartlead's objects as values (docs/providers/smartlead.md, sections 2 to 5)."""

from __future__ import annotations

import json
from typing import Any, Final

from integrations.mail.plain import plain_of
from integrations.mail.replies import new_text
from integrations.outreach import variables
from integrations.outreach.fields import (
    address,
    count,
    first_moment,
    flag,
    listing,
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
    LeadsAdded,
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

#: Fields with secrets of mailboxes and webhooks, which Smartlead answers in plain text.
SECRETS: Final = ("password", "imap_password", "smtp_password", "secret_key", "api_key")

CAMPAIGN: Final = {
    "DRAFTED": CampaignStatus.DRAFT,
    "DRAFT": CampaignStatus.DRAFT,
    "ACTIVE": CampaignStatus.RUNNING,
    "START": CampaignStatus.RUNNING,
    "STARTED": CampaignStatus.RUNNING,
    "PAUSED": CampaignStatus.PAUSED,
    "STOPPED": CampaignStatus.STOPPED,
    "COMPLETED": CampaignStatus.COMPLETED,
    "ARCHIVED": CampaignStatus.ARCHIVED,
}
LEAD: Final = {
    "STARTED": LeadStatus.PENDING,
    "INPROGRESS": LeadStatus.IN_PROGRESS,
    "COMPLETED": LeadStatus.COMPLETED,
    "PAUSED": LeadStatus.PAUSED,
    "STOPPED": LeadStatus.STOPPED,
    "BLOCKED": LeadStatus.BLOCKED,
}
_BLOCKED: Final = ("block_count", "blocked_count", "bounce_count", "unsubscribed_leads")
SPELLING: Final = {
    "first_name": "{{first_name}}",
    "last_name": "{{last_name}}",
    "company": "{{company_name}}",
    "website": "{{website}}",
    "location": "{{location}}",
    "profile_url": "{{linkedin_profile}}",
    "phone": "{{phone_number}}",
}
"""Our variable -> Smartlead's; others are custom fields under their own name."""


def campaign(raw: Raw) -> ProviderCampaign:
    """Read a campaign."""
    word = text(raw, "status")
    return ProviderCampaign(
        campaign_id=text(raw, "id"),
        name=text(raw, "name"),
        status=CAMPAIGN.get(word.upper(), CampaignStatus.UNKNOWN),
        raw_status=word,
        created_at=moment(raw.get("created_at")),
        updated_at=moment(raw.get("updated_at")),
        schedule=schedule(raw),
        settings=settings(raw),
        raw=without(raw, SECRETS),
    )


def untracked(raw: Raw) -> frozenset[str]:
    """Return what is not tracked: ``open``, ``click``, ``reply``. Both generations of words; list or text."""
    value = raw.get("track_settings")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = value.split(",")
    words = " ".join(str(item) for item in value).upper() if isinstance(value, list) else ""
    ends = {"open": "EMAIL_OPEN", "click": "LINK_CLICK", "reply": "REPLY_TO_AN_EMAIL"}
    return frozenset(name for name, end in ends.items() if end in words)


def settings(raw: Raw) -> CampaignSettings:
    """Read a campaign's settings."""
    off = untracked(raw)
    return CampaignSettings(
        name=text(raw, "name"),
        track_opens="open" not in off,
        track_clicks="click" not in off,
        plain_text=flag(raw.get("send_as_plain_text")),
        unsubscribe_text=text(raw, "unsubscribe_text"),
        stop_on_reply=text(raw, "stop_lead_settings") == "REPLY_TO_AN_EMAIL"
        if raw.get("stop_lead_settings")
        else None,
        new_leads_per_day=count(raw, "max_leads_per_day", "max_new_leads_per_day"),
    )


def schedule(raw: Raw) -> CampaignSchedule | None:
    """Read ``scheduler_cron_value``, an object or its text; ``None`` if there is none."""
    value = raw.get("scheduler_cron_value")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    cron = mapping(value)
    zone = text(cron, "tz", "timezone")
    if not zone:
        return None
    days = cron.get("days") or cron.get("days_of_the_week") or []
    return CampaignSchedule(
        timezone=zone,
        # Sunday is 0 or 7, as the source has it.
        days=frozenset(int(day) or 7 for day in days if str(day).isdigit() and int(day) <= 7),
        start=text(cron, "startHour", "start_hour") or "00:00",
        end=text(cron, "endHour", "end_hour") or "23:59",
        minutes_between=count(raw, "min_time_btwn_emails", "min_time_btw_emails"),
        new_leads_per_day=count(raw, "max_leads_per_day", "max_new_leads_per_day"),
    )


def account(raw: Raw) -> Account:
    """Read a mailbox. Its id is its address: all that history and webhooks name it by."""
    failing = flag(raw.get("is_smtp_success")) is False or flag(raw.get("is_imap_success")) is False
    suspended = flag(raw.get("is_suspended")) is True
    status = (
        AccountStatus.CREDENTIALS if failing else AccountStatus.STOPPED if suspended else AccountStatus.OK
    )
    warmup = mapping(raw.get("warmup_details"))
    mail = address(text(raw, "from_email", "email", "username"))
    options = {
        "email_account_id": text(raw, "id"),
        "daily_limit": str(count(raw, "message_per_day", "max_email_per_day") or ""),
        "warmup_status": text(warmup, "status"),
        # "98%" in lists, a number by id.
        "warmup_reputation": str(count(warmup, "warmup_reputation") or ""),
    }
    return Account(
        account_id=mail,
        network="email",
        name=text(raw, "from_name") or mail,
        status=status,
        raw_status=text(raw, "smtp_failure_error", "imap_failure_error")
        or ("OK" if not failing else "FAILED"),
        own_user_ids=(mail,),
        address=mail,
        created_at=moment(raw.get("created_at")),
        options={name: value for name, value in options.items() if value},
        raw=without(raw, SECRETS),
    )


def steps(body: Any) -> tuple[SequenceStep, ...]:
    """Read the sequence; delays are written ``delay_in_days`` and come back ``delayInDays``."""
    found = sorted(listing(body, "data", "sequences"), key=lambda raw: count(raw, "seq_number") or 0)
    return tuple(_step(raw, place) for place, raw in enumerate(found, 1))


def _step(raw: Raw, place: int) -> SequenceStep:
    delay = mapping(raw.get("seq_delay_details"))
    subject = text(raw, "subject")
    variants = next(
        (raw[name] for name in ("sequence_variants", "seq_variants", "variants") if raw.get(name)), None
    )
    wordings = tuple(
        StepVariant(
            subject=variables.read_double(text(item, "subject"), SPELLING),
            body=variables.read_double(text(item, "email_body"), SPELLING),
        )
        for item in objects(variants)
    )
    body = text(raw, "email_body") or (wordings[0].body if wordings else "")
    return SequenceStep(
        number=place,
        action=StepAction.EMAIL,
        wait_days=count(delay, "delayInDays", "delay_in_days") or 0,
        subject=variables.read_double(subject, SPELLING),
        body=variables.read_double(body, SPELLING),
        same_thread=place > 1 and not subject and not (wordings and wordings[0].subject),
        variants=wordings,
        step_id=text(raw, "id"),
        raw=raw,
    )


def step_body(step: SequenceStep) -> Raw:
    """Return a step as it is saved. Without ``id: null`` the API says that a value must be an object."""

    def spelled(value: str) -> str:
        return variables.written(value, SPELLING, lambda name: f"{{{{{name}}}}}")

    return {
        "id": int(step.step_id) if step.step_id.isdigit() else None,
        "seq_number": step.number,
        "seq_delay_details": {"delay_in_days": step.wait_days},
        # An empty subject makes it an answer in the thread.
        "subject": "" if step.same_thread else spelled(step.subject),
        "email_body": spelled(step.body),
    }


def lead_body(lead: NewLead) -> Raw:
    """Return a person as they are added; blank fields are left out."""
    custom = dict(lead.custom) | ({"title": lead.title} if lead.title else {})
    fields: Raw = {
        "email": address(lead.email),
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "company_name": lead.company,
        "phone_number": lead.phone,
        "website": lead.website,
        "location": lead.location,
        "linkedin_profile": lead.profile_url,
        "custom_fields": custom,
    }
    return {name: value for name, value in fields.items() if value}


def added(body: Any) -> LeadsAdded:
    """Read any of the three shapes of the answer to added leads."""
    raw = mapping(body)
    raw = raw | mapping(raw.get("data"))
    refused = {
        address(text(item, "email")): text(item, "reason", "message") or "Smartlead left it out."
        for item in listing(raw, "skipped_leads", "skipped")
        if text(item, "email")
    }
    duplicates = count(raw, "duplicate_count", "duplicateCount") or 0
    ids = {
        address(mail): str(number)
        for mail, number in mapping(raw.get("emailToLeadIdMap")).items()
        if isinstance(number, str | int)
    }
    return LeadsAdded(
        added=count(raw, "upload_count", "inserted_count", "added_count") or 0,
        duplicates=duplicates + (count(raw, "already_added_to_campaign") or 0),
        invalid=count(raw, "invalid_email_count") or 0,
        blocked=sum(count(raw, name) or 0 for name in _BLOCKED),
        failed=max(0, (count(raw, "skipped_count") or 0) - len(refused)),
        refused=refused,
        lead_ids=ids,
    )  # fmt: skip


def lead(raw: Raw, campaign_id: str) -> ProviderLead:
    """Read a person in a campaign."""
    person = mapping(raw.get("lead")) or raw
    word = text(raw, "status")
    custom = mapping(person.get("custom_fields"))
    return ProviderLead(
        lead_id=text(person, "id") or text(raw, "email_lead_id"),
        campaign_id=campaign_id,
        membership_id=text(raw, "campaign_lead_map_id", "email_lead_map_id"),
        email=address(text(person, "email") or text(raw, "lead_email")),
        first_name=text(person, "first_name"),
        last_name=text(person, "last_name"),
        company=text(person, "company_name"),
        title=text(custom, "title", "job_title"),
        profile_url=text(person, "linkedin_profile"),
        status=LEAD.get(word.upper(), LeadStatus.UNKNOWN),
        raw_status=word,
        category_id=text(raw, "lead_category_id"),
        is_unsubscribed=flag(person.get("is_unsubscribed")) is True,
        added_at=moment(raw.get("created_at")),
        custom={
            str(name): str(value) for name, value in custom.items() if isinstance(value, str | int | float)
        },
        raw=raw,
    )


def chat_id(campaign_id: str, email: str) -> str:
    """Return the id of the thread with a person in a campaign: what calls and history both tell."""
    return f"{campaign_id}:{address(email)}"


def split(html: str, plain: str = "") -> tuple[str, str]:
    """Return the new text and the whole text of a mail."""
    seen = plain_of(html) if html else None
    whole = plain or (seen.full if seen else "")
    return new_text(whole, before_marked_quote=seen.new if seen else ""), whole


def history(
    body: Any, *, campaign_id: str, lead_id: str, email: str, account_id: str = ""
) -> list[ProviderMessage]:
    """Read a thread, oldest first. ``history`` with ``type``, ``messages`` with ``direction``, or a bare list."""
    raw = mapping(body)
    from_email = address(text(raw, "from")) or account_id
    to_email = address(text(raw, "to")) or address(email)
    found = [
        message
        for item in listing(body, "history", "messages", "data")
        if (message := _message(item, campaign_id, lead_id, to_email, from_email)) is not None
    ]
    return sorted(found, key=lambda message: message.sent_at)


def _message(raw: Raw, campaign_id: str, lead_id: str, lead_email: str, own: str) -> ProviderMessage | None:
    word = text(raw, "type", "direction", "message_type")
    direction = {
        "SENT": Direction.OUTBOUND,
        "OUTBOUND": Direction.OUTBOUND,
        "REPLY": Direction.INBOUND,
        "INBOUND": Direction.INBOUND,
    }.get(word.upper(), Direction.UNKNOWN)
    sent_at = first_moment(raw, "time", "sent_at", "created_at")
    if sent_at is None:
        return None
    html = text(raw, "email_body", "body")
    new, _ = split(html if "<" in html else "", "" if "<" in html else html)
    account_id = own or address(text(raw, "from" if direction is Direction.OUTBOUND else "to"))
    return ProviderMessage(
        message_id="" if text(raw, "message_id") else f"{text(raw, 'stats_id')}:{word.lower()}",
        provider_message_id=text(raw, "message_id"),
        chat_id=chat_id(campaign_id, lead_email),
        provider_chat_id=text(raw, "stats_id"),
        account_id=account_id,
        campaign_id=campaign_id,
        lead_id=lead_id,
        direction=direction,
        raw_direction=word,
        person=Person(email=lead_email),
        subject=text(raw, "subject"),
        text=new,
        html=html if "<" in html else "",
        sent_at=sent_at,
        sequence_step_number=count(raw, "email_seq_number", "sequence_number"),
        open_count=count(raw, "open_count") or 0,
        click_count=count(raw, "click_count") or 0,
        raw=raw,
    )


def with_steps(messages: list[ProviderMessage]) -> tuple[ProviderMessage, ...]:
    """Number the replies: a reply has the ``stats_id`` of the mail that it answers."""
    numbers = {
        message.provider_chat_id: message.sequence_step_number
        for message in messages
        if message.direction is Direction.OUTBOUND and message.sequence_step_number is not None
    }
    return tuple(
        message.model_copy(update={"sequence_step_number": numbers.get(message.provider_chat_id)})
        if message.direction is Direction.INBOUND and message.sequence_step_number is None
        else message
        for message in messages
    )


def statistics(raw: Raw, campaign_id: str) -> ProviderStatistics:
    """Read the counters of a campaign, which mostly come as text."""
    leads = mapping(raw.get("campaign_lead_stats"))
    return ProviderStatistics(
        campaign_id=campaign_id,
        leads=count(leads, "total"),
        contacted=count(raw, "unique_sent_count"),
        sent=count(raw, "sent_count"),
        opened=count(raw, "unique_open_count", "open_count"),
        clicked=count(raw, "unique_click_count", "click_count"),
        replied=count(raw, "reply_count"),
        bounced=count(raw, "bounce_count"),
        unsubscribed=count(raw, "unsubscribed_count"),
        interested=count(leads, "interested"),
        raw=raw,
    )
