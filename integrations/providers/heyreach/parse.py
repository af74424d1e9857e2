"""HeyReach's objects as values (docs/providers/heyreach.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from integrations.events import text_digest
from integrations.outreach import variables
from integrations.outreach.fields import count, first_moment, flag, mapping, moment, objects, text
from integrations.running import (
    CampaignSchedule,
    CampaignStatus,
    LeadStatus,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderStatistics,
    SequenceStep,
    StepAction,
)
from integrations.values import Account, AccountStatus, Direction, Person, Raw

CAMPAIGN: Final = {
    "DRAFT": CampaignStatus.DRAFT,
    "SCHEDULED": CampaignStatus.STARTING,
    "STARTING": CampaignStatus.STARTING,
    "IN_PROGRESS": CampaignStatus.RUNNING,
    "PAUSED": CampaignStatus.PAUSED,
    "FINISHED": CampaignStatus.COMPLETED,
    "CANCELED": CampaignStatus.STOPPED,
    "FAILED": CampaignStatus.FAILED,
}
LEAD: Final = {
    "Pending": LeadStatus.PENDING,
    "PendingOrExcludedToBeCalculated": LeadStatus.PENDING,
    "InSequence": LeadStatus.IN_PROGRESS,
    "Finished": LeadStatus.COMPLETED,
    "Paused": LeadStatus.PAUSED,
    "Excluded": LeadStatus.BLOCKED,
    "Failed": LeadStatus.FAILED,
}
NODES: Final = {
    StepAction.INVITE: "CONNECTION_REQUEST",
    StepAction.MESSAGE: "MESSAGE",
    StepAction.INMAIL: "INMAIL",
    StepAction.PROFILE_VIEW: "VIEW_PROFILE",
    StepAction.FOLLOW: "FOLLOW",
    StepAction.LIKE_POST: "LIKE_POST",
}
_ACTIONS: Final = {node: action for action, node in NODES.items()}
#: Nodes with two ways on; ``conditionalNode`` is the way of yes.
_BRANCHING: Final = frozenset(
    {"CONNECTION_REQUEST", "CHECK_IS_CONNECTION", "CHECK_IS_OPEN_PROFILE", "FIND_EMAIL"}
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SPELLING: Final = {
    "first_name": "{FIRST_NAME}",
    "last_name": "{LAST_NAME}",
    "company": "{COMPANY}",
    "title": "{POSITION}",
    "location": "{LOCATION}",
}


def campaign(raw: Raw) -> ProviderCampaign:
    """Read a campaign."""
    word = text(raw, "status")
    ids = raw.get("campaignAccountIds")
    return ProviderCampaign(
        campaign_id=text(raw, "id", "campaignId"),
        name=text(raw, "name"),
        status=CAMPAIGN.get(word.upper(), CampaignStatus.UNKNOWN),
        raw_status=word,
        created_at=moment(raw.get("creationTime")),
        updated_at=moment(raw.get("startedAt")),
        account_ids=tuple(str(item) for item in ids) if isinstance(ids, list) else (),
        list_id=text(raw, "linkedInUserListId"),
        lead_count=count(mapping(raw.get("progressStats")), "totalUsers"),
        raw=raw,
    )


def schedule_body(schedule: CampaignSchedule) -> Raw:
    """Return a schedule as it is written."""
    days = {f"enabled{day}": place in schedule.days for place, day in enumerate(_DAYS, 1)}
    times = {"dailyStartTime": f"{schedule.start}:00", "dailyEndTime": f"{schedule.end}:00"}
    return {**times, "timeZoneId": schedule.timezone, **days}


def account(raw: Raw) -> Account:
    """Read a seat."""
    signed_in = flag(raw.get("authIsValid")) is not False
    active = flag(raw.get("isActive")) is not False
    status = AccountStatus.OK if signed_in and active else AccountStatus.CREDENTIALS
    status = AccountStatus.STOPPED if signed_in and not active else status
    features = {"sales_navigator": "isValidNavigator", "recruiter": "isValidRecruiter"}
    return Account(
        account_id=text(raw, "id"),
        network="linkedin",
        name=f"{text(raw, 'firstName')} {text(raw, 'lastName')}".strip(),
        status=status,
        raw_status=f"isActive={active} authIsValid={signed_in}",
        login=text(raw, "emailAddress"),
        premium_features=tuple(name for name, key in features.items() if flag(raw.get(key))),
        raw=raw,
    )


def tree(steps: Sequence[SequenceStep]) -> Raw:
    """Return a linear sequence as HeyReach's tree: after an invitation it goes on with those who accept."""
    node: Raw = {"nodeType": "END"}
    for step in reversed(steps):
        kind = NODES[step.action]
        invites = kind in _BRANCHING
        hours = step.wait_days * 24 + step.wait_hours
        unit, delay = ("HOUR", hours) if step.wait_hours else ("DAY", step.wait_days)
        node = {
            "nodeType": kind,
            "payload": _payload(step),
            "actionDelay": delay,
            "actionDelayUnit": unit,
            "conditionalNode": node if invites else None,
            "unconditionalNode": {"nodeType": "END"} if invites else node,
        }
    return node


def _payload(step: SequenceStep) -> Raw:
    def spelled(value: str) -> str:
        return variables.written(value, SPELLING, lambda name: f"{{{name}}}")

    if step.action is StepAction.INMAIL:
        return {
            "messages": [{"subject": spelled(step.subject), "message": spelled(step.body)}],
            "fallbackMessage": {
                "subject": step.fallback_subject or step.subject,
                "message": step.fallback or step.body,
            },
        }
    if step.action in {StepAction.MESSAGE, StepAction.INVITE}:
        messages = [spelled(step.body)] if step.body else []
        return {"messages": messages, "fallbackMessage": step.fallback or step.body}
    return {}


def steps(root: Raw) -> tuple[tuple[SequenceStep, ...], bool]:
    """Return the main path of a tree (the ways of yes), and whether there is any other."""
    found: list[SequenceStep] = []
    linear, node = True, root
    while node and text(node, "nodeType") != "END" and len(found) < 200:
        kind = text(node, "nodeType")
        yes, no = mapping(node.get("conditionalNode")), mapping(node.get("unconditionalNode"))
        found.append(_step(node, len(found) + 1))
        if kind in _BRANCHING:
            linear = linear and text(no, "nodeType") in {"", "END"}
            node = yes
        else:
            node = no or yes
    return tuple(found), linear


def _step(node: Raw, place: int) -> SequenceStep:
    payload = mapping(node.get("payload"))
    messages = payload.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else ""
    letter = mapping(first)
    fallback = payload.get("fallbackMessage")
    body = text(letter, "message") if letter else str(first)
    delay, is_days = count(node, "actionDelay") or 0, text(node, "actionDelayUnit").upper() == "DAY"
    days, hours = (delay, 0) if is_days else divmod(delay, 24)
    said = text(mapping(fallback), "message") if isinstance(fallback, dict) else str(fallback or "")
    return SequenceStep(
        number=place,
        action=_ACTIONS.get(text(node, "nodeType"), StepAction.OTHER),
        wait_days=days,
        wait_hours=hours,
        subject=_ours(text(letter, "subject")),
        body=_ours(body),
        fallback=said,
        fallback_subject=text(mapping(fallback), "subject"),
        raw={
            name: value
            for name, value in node.items()
            if name not in {"conditionalNode", "unconditionalNode"}
        },
    )


def _ours(value: str) -> str:
    return variables.read_single(value, SPELLING, lambda name: name)


def lead_body(lead: NewLead) -> Raw:
    """Return a person as they are written; a missing name would be dropped without a word."""
    custom = [{"name": name, "value": value} for name, value in lead.custom.items()]
    fields: Raw = {
        "firstName": lead.first_name,
        "lastName": lead.last_name,
        "profileUrl": lead.profile_url,
        "companyName": lead.company,
        "position": lead.title,
        "location": lead.location,
        "emailAddress": lead.email,
        "customUserFields": custom,
    }
    return {name: value for name, value in fields.items() if value}


def lead(raw: Raw, campaign_id: str) -> ProviderLead:
    """Read a person in a campaign: three independent statuses, of which an answer and a stop by hand win."""
    profile = mapping(raw.get("linkedInUserProfile"))
    word, reason = text(raw, "leadCampaignStatus", "leadStatus"), text(raw, "leadCampaignStatusMessage")
    status = LEAD.get(word, LeadStatus.UNKNOWN)
    if "manual" in reason.lower():
        status = LeadStatus.STOPPED
    elif text(raw, "leadMessageStatus") == "MessageReply":
        status = LeadStatus.REPLIED
    custom = {text(item, "name"): text(item, "value") for item in objects(profile.get("customFields"))}
    parts = (word, text(raw, "leadConnectionStatus"), text(raw, "leadMessageStatus"))
    return ProviderLead(
        # The only id that stops somebody: others are answered by 404.
        lead_id=text(profile, "linkedin_id"),
        campaign_id=campaign_id,
        membership_id=text(raw, "id"),
        email=text(profile, "emailAddress").lower(),
        first_name=text(profile, "firstName"),
        last_name=text(profile, "lastName"),
        company=text(profile, "companyName"),
        title=text(profile, "position"),
        profile_url=text(profile, "profileUrl"),
        network_id=text(raw, "linkedInUserProfileId"),
        status=status,
        raw_status="/".join(filter(None, parts)),
        account_id=text(raw, "linkedInSenderId"),
        reason=reason or text(raw, "errorCode"),
        added_at=moment(raw.get("creationTime")),
        last_action_at=first_moment(raw, "lastActionTime", "failedTime"),
        custom={name: value for name, value in custom.items() if name},
        raw=raw,
    )


def person(raw: Raw) -> Person:
    """Read a profile of a conversation (camel case) or a call (snake case)."""
    url = text(raw, "profileUrl", "profile_url")
    first, last = text(raw, "firstName", "first_name"), text(raw, "lastName", "last_name")
    return Person(
        provider_id=text(raw, "id"),
        name=text(raw, "full_name", "fullName") or f"{first} {last}".strip(),
        public_identifier=slug(url),
        profile_url=url,
        headline=text(raw, "headline", "position"),
    )


def slug(url: str) -> str:
    """Return the vanity name of a profile's address, lower case."""
    path = [part for part in urlsplit(url).path.split("/") if part]
    return unquote(path[1]).lower() if len(path) > 1 and path[0] == "in" else ""


def message_id(chat_id: str, at: datetime, sender: str, body: str) -> str:
    """Return an id for a message, which HeyReach gives none: what is the same in calls and in the inbox."""
    second = at.replace(microsecond=0).isoformat()
    return f"hr.{text_digest('|'.join((chat_id, second, sender, ' '.join(body.split()))))}"


def conversation(raw: Raw) -> list[ProviderMessage]:
    """Read the messages of a conversation, oldest first. Inbound is the correspondent's alone."""
    chat_id = text(raw, "id", "conversationId")
    profile = mapping(raw.get("correspondentProfile"))
    found: list[ProviderMessage] = []
    for item in objects(raw.get("messages")):
        at, word, body = moment(item.get("createdAt")), text(item, "sender"), text(item, "body")
        if at is None:
            continue
        known = {"ME": Direction.OUTBOUND, "CORRESPONDENT": Direction.INBOUND}
        direction = known.get(word.upper(), Direction.UNKNOWN)
        found.append(
            ProviderMessage(
                provider_message_id=message_id(chat_id, at, direction.value, body),
                chat_id=chat_id,
                provider_chat_id=chat_id,
                account_id=text(raw, "linkedInAccountId") or text(mapping(raw.get("linkedInAccount")), "id"),
                campaign_id=text(raw, "campaignId"),
                lead_id=text(profile, "linkedin_id"),
                direction=direction,
                raw_direction=word,
                person=person(profile),
                subject=text(item, "subject"),
                text=body,
                sent_at=at,
                is_inmail=flag(item.get("isInMail")) is True,
                raw=item,
            )
        )
    return sorted(found, key=lambda message: message.sent_at)


def statistics(body: Raw, campaign_id: str) -> ProviderStatistics:
    """Read the counters."""
    raw = mapping(body.get("overallStats")) or body
    return ProviderStatistics(
        campaign_id=campaign_id,
        contacted=count(raw, "uniqueLeadsContacted"),
        sent=count(raw, "messagesSent"),
        replied=count(raw, "totalMessageReplies"),
        invited=count(raw, "connectionsSent"),
        connected=count(raw, "connectionsAccepted"),
        raw=raw,
    )
