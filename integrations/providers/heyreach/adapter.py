"""The HeyReach adapter (docs/providers/heyreach.md). A sender account is a LinkedIn seat, by its number.

``mode`` of the connection: ``webhook_only`` reads no conversations, ``pull_best_effort`` reads what the account gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.outreach import registrations, steps, tokens, variables
from integrations.outreach.client import number_id
from integrations.outreach.fields import asked_list, count, load_call, mapping, text
from integrations.providers.heyreach import inbound, parse, threads, webhooks
from integrations.providers.heyreach.client import MOST, NO_ROUTE, PROVIDER, VENDOR, HeyReachClient
from integrations.running import (
    CampaignSchedule,
    CampaignSettings,
    CampaignStatus,
    LeadsAdded,
    NewLead,
    ProviderCampaign,
    ProviderLead,
    ProviderMessage,
    ProviderSequence,
    ProviderStatistics,
    SequenceStep,
    StepAction,
    StepProblem,
    ThreadReply,
)
from integrations.values import (
    Account,
    CredentialCheck,
    Page,
    Raw,
    SendReceipt,
    WebhookFinding,
    WebhookRegistration,
)

ABILITIES: Final = steps.Abilities(
    label="HeyReach",
    actions=frozenset(parse.NODES),
    longest_days=100,
    hours=True,
    longest_body={StepAction.INVITE: 300, StepAction.MESSAGE: 8000, StepAction.INMAIL: 1900},
)
PULL: Final = "pull_best_effort"
_LEAST_HOURS: Final = 3
_MOST_UNITS: Final = 100
_K = ErrorKind


class HeyReachAdapter:
    """One HeyReach workspace. Build it with ``registry.adapter_for``."""

    kind = PROVIDER
    lead_batch = 100

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self._pulls = str(credentials.get("mode") or "").strip().lower() == PULL
        self._client = HeyReachClient(
            credentials=credentials,
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )

    # --- VerifiesCredentials, ListsAccounts -------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Check the key and read the seats."""
        try:
            self._client.get("/auth/CheckApiKey")
            accounts = tuple(self._accounts())
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        lacks = () if accounts else ("No LinkedIn seat is connected at HeyReach yet.",)
        works = (f"HeyReach answers. Seats: {len(accounts)}.",)
        return CredentialCheck(ok=True, works=works, lacks=lacks, accounts=accounts)

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of the seats."""
        return self._page("/li_account/GetAll", parse.account, cursor, limit)

    def get_account(self, account_id: str) -> Account:
        """Return one seat."""
        number = number_id(account_id, VENDOR)
        raw = mapping(self._client.get("/li_account/GetById", {"accountId": number}))
        if not text(raw, "id"):
            raise VENDOR.error(_K.NOT_FOUND, "HeyReach does not have this seat.")
        return parse.account(raw)

    def _accounts(self) -> list[Account]:
        found: list[Account] = []
        cursor: str | None = None
        for _ in range(100):
            page = self.list_accounts(cursor=cursor)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        return found

    # --- RunsCampaigns ----------------------------------------------------------------------------

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        """Return a page of the campaigns."""
        return self._page("/campaign/GetAll", parse.campaign, cursor, limit)

    def get_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Return one campaign."""
        raw = mapping(self._client.get("/campaign/GetById", {"campaignId": number_id(campaign_id, VENDOR)}))
        if not text(raw, "id"):
            raise VENDOR.error(_K.NOT_FOUND, "HeyReach does not have this campaign.")
        return parse.campaign(raw)

    def create_campaign(self, *, name: str, account_ids: Sequence[str] = ()) -> ProviderCampaign:
        """Make a list for its people and a draft on it. HeyReach wants a seat from the start."""
        if not account_ids or not 1 <= len(name) <= 50:
            message = "A HeyReach campaign needs a seat, and a name of at most 50 characters."
            raise VENDOR.error(_K.VALIDATION, message)
        ids = [number_id(account_id, VENDOR) for account_id in account_ids]
        made = mapping(
            self._client.call(
                "POST", "/list/CreateEmptyList", json={"name": name, "type": "USER_LIST"}, once=True
            )
        )
        body = {"name": name, "linkedInUserListId": count(made, "id"), "linkedInAccountIds": ids}
        campaign_id = text(
            mapping(self._client.call("POST", "/campaign/Create", json=body, once=True)), "campaignId", "id"
        )
        if not campaign_id:
            message = "HeyReach does not say which campaign it made."
            raise VENDOR.error(_K.INDETERMINATE, message, raw_type="unreadable_answer")
        return self.get_campaign(campaign_id)

    def change_settings(self, campaign_id: str, settings: CampaignSettings) -> None:
        """Change the name: HeyReach has no other setting of ours."""
        others = settings.model_dump(exclude={"name"}, exclude_none=True)
        if others.pop("stop_on_reply", True) is not True or others:
            raise VENDOR.error(_K.UNSUPPORTED, "HeyReach has no such setting; its limits are set on seats.")
        if settings.name is not None:
            body = {"campaignId": number_id(campaign_id, VENDOR), "name": settings.name[:50]}
            self._client.call("POST", "/campaign/UpdateSettings", json=body)

    def change_schedule(self, campaign_id: str, schedule: CampaignSchedule) -> None:
        """Set the hours; they cannot be read back."""
        if schedule.minutes_between is not None or schedule.new_leads_per_day is not None:
            raise VENDOR.error(_K.UNSUPPORTED, "HeyReach sets limits on seats, not in the schedule.")
        if not schedule.days or not schedule.days <= frozenset(range(1, 8)):
            raise VENDOR.error(_K.VALIDATION, "A schedule needs days from 1 (Monday) to 7 (Sunday).")
        body = {"campaignId": number_id(campaign_id, VENDOR), "schedule": parse.schedule_body(schedule)}
        self._client.call("POST", "/campaign/UpdateSchedule", json=body)

    def start_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Start a draft, or resume. HeyReach says yes to an empty one and pauses it: that is told."""
        before = self.get_campaign(campaign_id)
        if before.status is CampaignStatus.RUNNING:
            return before
        fresh = before.raw_status.upper() in {"DRAFT", "SCHEDULED"}
        return self._turn(campaign_id, "StartCampaign" if fresh else "Resume", starts=True)

    def pause_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Pause."""
        return self._turn(campaign_id, "Pause")

    def stop_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Not possible."""
        raise VENDOR.error(_K.UNSUPPORTED, "HeyReach cannot end a campaign, only pause it.")

    def _turn(self, campaign_id: str, verb: str, *, starts: bool = False) -> ProviderCampaign:
        params = {"campaignId": number_id(campaign_id, VENDOR)}
        self._client.call("POST", f"/campaign/{verb}", params=params)
        after = self.get_campaign(campaign_id)
        if starts and after.status is CampaignStatus.PAUSED:
            raise VENDOR.error(
                _K.CONFLICT, "HeyReach paused the campaign at once: it has nobody to write to."
            )
        return after

    # --- KeepsSequences ---------------------------------------------------------------------------

    def check_sequence(self, sequence: Sequence[SequenceStep]) -> tuple[StepProblem, ...]:
        """Say what HeyReach cannot express."""
        found = steps.check(sequence, ABILITIES)
        for place, step in enumerate(sequence, 1):
            hours = step.wait_days * 24 + step.wait_hours
            if place > 1 and hours < _LEAST_HOURS:
                message = f"HeyReach waits at least {_LEAST_HOURS} hours between two steps."
                found.append(StepProblem(step=place, field="wait_hours", message=message))
            if step.wait_hours and hours > _MOST_UNITS:
                message = f"HeyReach waits at most {_MOST_UNITS} hours, or whole days."
                found.append(StepProblem(step=place, field="wait_hours", message=message))
            if variables.names(step.body) and not step.fallback.strip():
                message = "HeyReach needs a text without variables for people who lack one."
                found.append(StepProblem(step=place, field="fallback", message=message))
            is_letter = step.action is StepAction.INMAIL
            if is_letter and variables.names(step.subject) and not step.fallback_subject.strip():
                message = "HeyReach needs a subject without variables for people who lack one."
                found.append(StepProblem(step=place, field="subject", message=message))
        return tuple(found)

    def get_sequence(self, campaign_id: str) -> ProviderSequence:
        """Return the main path of HeyReach's tree."""
        params = {"campaignId": number_id(campaign_id, VENDOR)}
        raw = mapping(self._client.get("/campaign/GetCampaignSequence", params))
        kept, linear = parse.steps(mapping(raw.get("sequence")) or raw)
        note = "" if linear else "HeyReach's sequence branches; this is its main path."
        return ProviderSequence(campaign_id=campaign_id, steps=kept, is_linear=linear, note=note)

    def save_sequence(self, campaign_id: str, sequence: Sequence[SequenceStep]) -> ProviderSequence:
        """Replace the tree."""
        for problem in self.check_sequence(sequence):
            where = f"Step {problem.step}: " if problem.step else ""
            raise VENDOR.error(_K.VALIDATION, f"{where}{problem.message}", raw_type=problem.field)
        body = {"campaignId": number_id(campaign_id, VENDOR), "sequence": parse.tree(sequence)}
        self._client.call("POST", "/campaign/UpdateSequence", json=body)
        return self.get_sequence(campaign_id)

    # --- AssignsSenders ---------------------------------------------------------------------------

    def campaign_accounts(self, campaign_id: str) -> tuple[Account, ...]:
        """Return the campaign's seats."""
        wanted = set(self.get_campaign(campaign_id).account_ids)
        return tuple(account for account in self._accounts() if account.account_id in wanted)

    def set_campaign_accounts(self, campaign_id: str, account_ids: Sequence[str]) -> None:
        """Replace the seats. On a paused campaign this stops the people of removed seats for good."""
        ids = [number_id(account_id, VENDOR) for account_id in account_ids]
        if not ids:
            raise VENDOR.error(_K.VALIDATION, "A HeyReach campaign needs a seat.")
        body = {"campaignId": number_id(campaign_id, VENDOR), "linkedInAccountIds": ids}
        self._client.call("POST", "/campaign/UpdateAccounts", json=body)

    # --- KeepsLeads, StopsLeads ------------------------------------------------------------------

    def add_leads(self, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
        """Add people: to the list behind a draft, else to the campaign."""
        if len(leads) > self.lead_batch:
            raise VENDOR.error(_K.VALIDATION, f"HeyReach takes {self.lead_batch} people at once.")
        refused: dict[str, str] = {}
        good: list[NewLead] = []
        for place, lead in enumerate(leads, 1):
            lacks = [
                name for name in ("profile_url", "first_name", "last_name") if not getattr(lead, name).strip()
            ]
            if lacks:
                refused[lead.key or f"#{place}"] = f"HeyReach needs {', '.join(lacks).replace('_', ' ')}."
            else:
                good.append(lead)
        if not good:
            return LeadsAdded(refused=refused)
        raw = mapping(self._hand_over(self.get_campaign(campaign_id), good))
        if not any(f"{name}LeadsCount" in raw for name in ("added", "updated", "failed")):
            # Successes may be empty or a bare number: only the campaign's list tells who is there.
            return LeadsAdded(unsaid=len(good), refused=refused)
        counts = [count(raw, f"{name}LeadsCount") or 0 for name in ("added", "updated", "failed")]
        dropped = max(0, len(good) - sum(counts))
        note = f"HeyReach dropped {dropped} people without a word." if dropped else ""
        return LeadsAdded(
            added=counts[0], updated=counts[1], failed=counts[2] + dropped, refused=refused, note=note
        )

    def _hand_over(self, campaign: ProviderCampaign, leads: Sequence[NewLead]) -> Any:
        if campaign.status is CampaignStatus.DRAFT or campaign.raw_status.upper() == "SCHEDULED":
            body: Raw = {
                "listId": number_id(campaign.list_id, VENDOR),
                "leads": [parse.lead_body(lead) for lead in leads],
            }
            return self._client.call("POST", "/list/AddLeadsToListV2", json=body, once=True)
        pairs = [
            {
                "linkedInAccountId": number_id(lead.account_id, VENDOR) if lead.account_id else None,
                "lead": parse.lead_body(lead),
            }
            for lead in leads
        ]
        body = {
            "campaignId": number_id(campaign.campaign_id, VENDOR),
            "accountLeadPairs": pairs,
            "resumeFinishedCampaign": False,
            "resumePausedCampaign": False,
        }
        return self._client.call("POST", "/campaign/AddLeadsToCampaignV2", json=body, once=True)

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        """Return a page of the campaign's people; an empty one with a note where the account has no such route."""
        extra = {"campaignId": number_id(campaign_id, VENDOR)}
        try:
            return self._page(
                "/campaign/GetLeadsFromCampaign",
                lambda raw: parse.lead(raw, campaign_id),
                cursor,
                limit,
                extra,
            )
        except ProviderError as error:
            if error.kind not in NO_ROUTE:
                raise
        self.get_campaign(campaign_id)
        return Page(items=(), note="This HeyReach account does not give out the people of a campaign.")

    def stop_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Send no more."""
        body = {
            "campaignId": number_id(campaign_id, VENDOR),
            "leadMemberId": lead.lead_id,
            "leadUrl": lead.profile_url,
        }
        self._client.call("POST", "/campaign/StopLeadInCampaign", json=body)

    # --- KeepsThreads, CountsCampaigns ------------------------------------------------------------

    def lead_messages(self, campaign_id: str, lead: ProviderLead) -> Page[ProviderMessage]:
        """Return the conversation with one person, its messages told apart by the steps' wording."""
        if not self._pulls:
            return threads.not_pulled()
        return threads.of_lead(self._client, campaign_id, lead, lambda: self.get_sequence(campaign_id).steps)

    def list_replies(
        self,
        *,
        after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        own: bool = False,
    ) -> Page[ProviderMessage]:
        """Return what people wrote, by conversations with the newest first."""
        if not self._pulls:
            return threads.not_pulled()
        return threads.replies(self._client, after, int(cursor or 0), max(1, min(limit, MOST)), own=own)

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Normalised:
        """Turn a polled message into an event."""
        return inbound.from_message(message, seen_at=seen_at)

    def reply_to_thread(self, reply: ThreadReply) -> SendReceipt:
        """Answer in the conversation."""
        return threads.answer(self._client, reply)

    def campaign_statistics(self, campaign_id: str) -> ProviderStatistics:
        """Return the counters since the beginning."""
        body = {
            "accountIds": [],
            "campaignIds": [number_id(campaign_id, VENDOR)],
            "startDate": "2020-01-01T00:00:00Z",
            "endDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        raw = mapping(self._client.call("POST", "/stats/GetOverallStats", json=body))
        return parse.statistics(raw, campaign_id)

    # --- ReceivesWebhooks, ManagesWebhooks --------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the token in the address: HeyReach does not sign."""
        del headers, body
        tokens.verify_token(url, secrets)

    def webhook_type(self, body: bytes) -> str:
        """Return the event's name, ``""`` if it cannot be read."""
        try:
            return inbound.event_name(load_call(body, PROVIDER))
        except ProviderError:
            return ""

    def webhook_key(self, body: bytes) -> str | None:
        """Return the identity of the call, ``None`` for one that cannot be read."""
        try:
            return inbound.delivery_key(load_call(body, PROVIDER))
        except ProviderError:
            return None

    def normalise(
        self, body: bytes, *, headers: Mapping[str, str], received_at: datetime, knowledge: MessageKnowledge
    ) -> Normalised:
        """Turn a call into events."""
        del headers, knowledge
        return inbound.from_webhook(load_call(body, PROVIDER), received_at=received_at)

    def required_webhooks(self, *, url: str, secret: str) -> tuple[WebhookRegistration, ...]:
        """Return one registration for each kind of event, for all campaigns."""
        return webhooks.required(tokens.with_token(url, secret))

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return everything that is registered."""
        found: list[WebhookRegistration] = []
        cursor: str | None = None
        for _ in range(50):
            page = self._page("/webhooks/GetAllWebhooks", webhooks.registration, cursor, MOST)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        return tuple(found)

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Say what is wrong."""
        return registrations.check(registered, required)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register for one kind of event. The answer may be empty: then the list is looked at."""
        raw = mapping(
            self._client.call("POST", "/webhooks/CreateWebhook", json=webhooks.body(registration), once=True)
        )
        if identifier := text(raw, "id", "webhookId"):
            return identifier
        return webhooks.newest(registration, self.list_webhooks())

    def delete_webhook(self, registration_id: str) -> None:
        """Remove. Gone already is fine."""
        try:
            self._client.call("DELETE", "/webhooks/DeleteWebhook", params={"webhookId": registration_id})
        except ProviderError as error:
            if error.kind is not _K.NOT_FOUND:
                raise

    # --- Pages ------------------------------------------------------------------------------------

    def _page(
        self, path: str, read: Any, cursor: str | None, limit: int, extra: Mapping[str, Any] | None = None
    ) -> Page[Any]:
        """Read a page by offset; more than 100 at once is refused."""
        offset, size = int(cursor or 0), max(1, min(limit, MOST))
        body = self._client.query(path, {**(extra or {}), "offset": offset, "limit": size})
        found = asked_list(PROVIDER, body, "items")
        total = count(mapping(body), "totalCount")
        more = bool(found) and (len(found) >= size if total is None else offset + len(found) < total)
        return Page(items=tuple(map(read, found)), cursor=str(offset + len(found)) if more else None)
