"""The EmailBison adapter (docs/providers/emailbison.md). A sender account is a mailbox, by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.events import Normalised
from integrations.outreach import registrations, steps, tokens
from integrations.outreach.client import number_id, segment
from integrations.outreach.fields import flag, listing, load_call, mapping, text
from integrations.providers.emailbison import adding, inbound, parse, threads
from integrations.providers.emailbison.client import PROVIDER, VENDOR, EmailBisonClient
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

ABILITIES: Final = steps.Abilities(label="EmailBison", actions=frozenset({StepAction.EMAIL}), shortest_days=1)
_HOOKS: Final = "/api/webhook-url"
_K = ErrorKind


class EmailBisonAdapter:
    """One workspace of an EmailBison instance. Build it with ``registry.adapter_for``."""

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
        self._client = EmailBisonClient(
            credentials=credentials,
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
        )

    # --- VerifiesCredentials, ListsAccounts -------------------------------------------------------

    def verify_credentials(self) -> CredentialCheck:
        """Read the workspace and its mailboxes."""
        try:
            workspace = text(mapping(self._client.data("/api/users").get("workspace")), "name")
            accounts = tuple(self._client.everything("/api/sender-emails", parse.account))
        except ProviderError as error:
            return CredentialCheck(ok=False, lacks=(error.message,))
        lacks = () if accounts else ("The workspace has no mailbox yet.",)
        works = (
            f"EmailBison answers for the workspace {workspace or 'of the token'}. Mailboxes: {len(accounts)}.",
        )
        return CredentialCheck(ok=True, works=works, lacks=lacks, accounts=accounts)

    def list_accounts(self, *, cursor: str | None = None, limit: int = 100) -> Page[Account]:
        """Return a page of the mailboxes; the instance chooses its size."""
        del limit
        return self._client.page("/api/sender-emails", parse.account, cursor=cursor)

    def get_account(self, account_id: str) -> Account:
        """Return one mailbox."""
        return parse.account(self._client.data(f"/api/sender-emails/{segment(account_id, VENDOR)}"))

    # --- RunsCampaigns ----------------------------------------------------------------------------

    def list_campaigns(self, *, cursor: str | None = None, limit: int = 100) -> Page[ProviderCampaign]:
        """Return a page of the campaigns."""
        del limit
        return self._client.page("/api/campaigns", parse.campaign, cursor=cursor)

    def get_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Return one campaign."""
        raw = self._client.data(self._path(campaign_id))
        if not text(raw, "id"):
            raise VENDOR.error(_K.NOT_FOUND, "EmailBison does not have this campaign.")
        return parse.campaign(raw)

    def create_campaign(self, *, name: str, account_ids: Sequence[str] = ()) -> ProviderCampaign:
        """Make a draft; other settings would be dropped without a word."""
        body = self._client.call("POST", "/api/campaigns", json={"name": name, "type": "outbound"}, once=True)
        made = parse.campaign(mapping(mapping(body).get("data")) or mapping(body))
        if not made.campaign_id:
            message = "EmailBison does not say which campaign it made."
            raise VENDOR.error(_K.INDETERMINATE, message, raw_type="unreadable_answer")
        if account_ids:
            self.set_campaign_accounts(made.campaign_id, account_ids)
        return made

    def change_settings(self, campaign_id: str, settings: CampaignSettings) -> None:
        """Change settings and look whether they took: unknown ones are dropped without a word."""
        if settings.track_clicks is not None or settings.stop_on_reply is False:
            raise VENDOR.error(
                _K.UNSUPPORTED, "EmailBison has no click tracking, and always stops at a reply."
            )
        body = parse.settings_body(settings)
        raw = mapping(self._client.call("PATCH", f"{self._path(campaign_id)}/update", json=body))
        kept = mapping(raw.get("data"))
        lost = sorted(name for name, value in body.items() if name in kept and kept[name] != value)
        if lost:
            raise VENDOR.error(_K.CONFLICT, f"EmailBison did not take {', '.join(lost)}.")

    def change_schedule(self, campaign_id: str, schedule: CampaignSchedule) -> None:
        """Make the schedule, or replace the one there is."""
        if schedule.minutes_between is not None:
            raise VENDOR.error(_K.UNSUPPORTED, "EmailBison has no setting for the time between two e-mails.")
        if not schedule.days or not schedule.days <= frozenset(range(1, 8)):
            raise VENDOR.error(_K.VALIDATION, "A schedule needs days from 1 (Monday) to 7 (Sunday).")
        path = f"{self._path(campaign_id)}/schedule"
        try:
            exists = bool(text(self._client.data(path), "timezone"))
        except ProviderError as error:
            if error.kind is not _K.NOT_FOUND:
                raise
            exists = False
        self._client.call("PUT" if exists else "POST", path, json=parse.schedule_body(schedule))
        if schedule.new_leads_per_day is not None:
            self.change_settings(campaign_id, CampaignSettings(new_leads_per_day=schedule.new_leads_per_day))

    def start_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Start or resume: one verb for both. It is queued first."""
        return self._turn(campaign_id, "resume")

    def pause_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Pause."""
        return self._turn(campaign_id, "pause")

    def stop_campaign(self, campaign_id: str) -> ProviderCampaign:
        """Archive: EmailBison's way to end one for good."""
        return self._turn(campaign_id, "archive")

    def _turn(self, campaign_id: str, verb: str) -> ProviderCampaign:
        self._client.call("PATCH", f"{self._path(campaign_id)}/{verb}")
        return self.get_campaign(campaign_id)

    # --- KeepsSequences ---------------------------------------------------------------------------

    def check_sequence(self, sequence: Sequence[SequenceStep]) -> tuple[StepProblem, ...]:
        """Say what EmailBison cannot express."""
        found = steps.check(sequence, ABILITIES)
        if sequence and sequence[0].wait_days:
            message = "EmailBison starts with the first e-mail; it cannot wait."
            found.append(StepProblem(step=1, field="wait_days", message=message))
        return tuple(found)

    def get_sequence(self, campaign_id: str) -> ProviderSequence:
        """Return the steps."""
        return ProviderSequence(campaign_id=campaign_id, steps=parse.steps(self._step_rows(campaign_id)))

    def _step_rows(self, campaign_id: str) -> list[Raw]:
        """Return the steps and their variants; that there are none is told by a refusal with status 200."""
        path = f"{self._path(campaign_id)}/sequence-steps"
        try:
            return listing(self._client.get(path), "data", "sequence_steps")
        except ProviderError as error:
            if error.kind is not _K.NOT_FOUND or error.status != 200:
                raise
            return []

    def save_sequence(self, campaign_id: str, sequence: Sequence[SequenceStep]) -> ProviderSequence:
        """Replace the steps: those there are go first, for saving appends."""
        for problem in self.check_sequence(sequence):
            where = f"Step {problem.step}: " if problem.step else ""
            raise VENDOR.error(_K.VALIDATION, f"{where}{problem.message}", raw_type=problem.field)
        campaign = self.get_campaign(campaign_id)
        if campaign.status in {CampaignStatus.RUNNING, CampaignStatus.STARTING}:
            raise VENDOR.error(_K.CONFLICT, "The campaign is running. Pause it first.")
        # Variants before the steps that they vary.
        for row in reversed(self._step_rows(campaign_id)):
            path = f"/api/campaigns/sequence-steps/{segment(text(row, 'id'), VENDOR)}"
            self._client.call("DELETE", path)
        body = {"title": campaign.name or "Sequence", "sequence_steps": parse.step_bodies(list(sequence))}
        self._append(campaign_id, body)
        return self.get_sequence(campaign_id)

    def _append(self, campaign_id: str, body: Raw) -> None:
        """Post the steps; older instances know the address without a version only."""
        versioned = f"/api/campaigns/v1.1/{segment(campaign_id, VENDOR)}/sequence-steps"
        try:
            self._client.call("POST", versioned, json=body, once=True)
        except ProviderError as error:
            if error.kind not in {_K.NOT_FOUND, _K.UNSUPPORTED}:
                raise
            self._client.call("POST", f"{self._path(campaign_id)}/sequence-steps", json=body, once=True)

    # --- AssignsSenders ---------------------------------------------------------------------------

    def campaign_accounts(self, campaign_id: str) -> tuple[Account, ...]:
        """Return the campaign's mailboxes."""
        return tuple(self._client.everything(f"{self._path(campaign_id)}/sender-emails", parse.account))

    def set_campaign_accounts(self, campaign_id: str, account_ids: Sequence[str]) -> None:
        """Attach what is missing and remove the rest (a DELETE with a body)."""
        wanted = {number_id(account_id, VENDOR) for account_id in account_ids}
        present = {number_id(account.account_id, VENDOR) for account in self.campaign_accounts(campaign_id)}
        path = self._path(campaign_id)
        if missing := sorted(wanted - present):
            self._client.call("POST", f"{path}/attach-sender-emails", json={"sender_email_ids": missing})
        if surplus := sorted(present - wanted):
            self._client.call("DELETE", f"{path}/remove-sender-emails", json={"sender_email_ids": surplus})

    # --- KeepsLeads, StopsLeads ------------------------------------------------------------------

    def add_leads(self, campaign_id: str, leads: Sequence[NewLead]) -> LeadsAdded:
        """Add people. A running campaign has them within five minutes."""
        if len(leads) > self.lead_batch:
            raise VENDOR.error(_K.VALIDATION, f"We hand over {self.lead_batch} people at once.")
        return adding.add(self._client, self._path(campaign_id), campaign_id, leads)

    def list_leads(
        self, campaign_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ProviderLead]:
        """Return a page of the campaign's people."""
        del limit
        path = f"{self._path(campaign_id)}/leads"
        return self._client.page(path, lambda raw: parse.lead(raw, campaign_id), cursor=cursor)

    def stop_lead(self, campaign_id: str, lead: ProviderLead) -> None:
        """Send no more. EmailBison says yes for anybody, so that we look first whether they are in it."""
        raw = self._client.data(f"/api/leads/{segment(lead.lead_id, VENDOR)}")
        if not adding.standing(raw, campaign_id):
            raise VENDOR.error(_K.NOT_FOUND, "This person is not in the campaign.")
        body = {"lead_ids": [number_id(lead.lead_id, VENDOR)]}
        self._client.call("POST", f"{self._path(campaign_id)}/leads/stop-future-emails", json=body)

    # --- KeepsThreads, CountsCampaigns ------------------------------------------------------------

    def lead_messages(self, campaign_id: str, lead: ProviderLead) -> Page[ProviderMessage]:
        """Return the thread with one person."""
        return threads.of_lead(self._client, campaign_id, lead, self.get_sequence(campaign_id).steps)

    def list_replies(
        self,
        *,
        after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
        own: bool = False,
    ) -> Page[ProviderMessage]:
        """Return a page of what people wrote."""
        del limit
        return threads.replies(self._client, after, cursor, own=own)

    def events_from_thread(self, message: ProviderMessage, *, seen_at: datetime) -> Normalised:
        """Turn a polled message into an event."""
        return inbound.from_message(message, seen_at=seen_at)

    def reply_to_thread(self, reply: ThreadReply) -> SendReceipt:
        """Answer in the thread."""
        return threads.answer(self._client, reply)

    def campaign_statistics(self, campaign_id: str) -> ProviderStatistics:
        """Return the counters."""
        return parse.statistics(self.get_campaign(campaign_id).raw, campaign_id)

    # --- ReceivesWebhooks, ManagesWebhooks --------------------------------------------------------

    def verify_webhook(
        self, *, url: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Check the token in the address: EmailBison does not sign."""
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
        """Return the one registration of the workspace."""
        address = tokens.with_token(url, secret)
        return (
            WebhookRegistration(
                source="events", url=address, events=inbound.EVENTS, name="Outbound Engine X"
            ),
        )

    def list_webhooks(self) -> tuple[WebhookRegistration, ...]:
        """Return everything that is registered."""
        return tuple(self._client.everything(_HOOKS, _registration))

    def check_webhooks(
        self, *, registered: Sequence[WebhookRegistration], required: Sequence[WebhookRegistration]
    ) -> tuple[WebhookFinding, ...]:
        """Say what is wrong."""
        return registrations.check(registered, required)

    def create_webhook(self, registration: WebhookRegistration) -> str:
        """Register."""
        body = {"name": registration.name, "url": registration.url, "events": sorted(registration.events)}
        answer = mapping(self._client.call("POST", _HOOKS, json=body, once=True))
        return text(mapping(answer.get("data")) or answer, "id")

    def delete_webhook(self, registration_id: str) -> None:
        """Remove. Gone already is fine."""
        try:
            self._client.call("DELETE", f"{_HOOKS}/{segment(registration_id, VENDOR)}")
        except ProviderError as error:
            if error.kind is not _K.NOT_FOUND:
                raise

    def _path(self, campaign_id: str) -> str:
        return f"/api/campaigns/{segment(campaign_id, VENDOR)}"


def _registration(raw: Raw) -> WebhookRegistration:
    events = raw.get("events") or raw.get("event_types") or []
    # Names come back in either case, or as objects.
    words = [text(item, "type", "name", "id") if isinstance(item, dict) else str(item) for item in events]
    return WebhookRegistration(
        source="events",
        url=text(raw, "url"),
        events=frozenset(word.lower() for word in words),
        enabled=flag(raw.get("active")) is not False,
        name=text(raw, "name"),
        registration_id=text(raw, "id"),
    )
