"""Connections to providers, sender accounts, and kill switches."""

from __future__ import annotations

import secrets

from django.db import models

from project.core.models import OrganizationForeignKey, OrganizationModel, PlainModel
from project.tenancy.models import Client


def new_connection_key() -> str:
    """Return an unguessable path segment for a connection's webhook address."""
    return secrets.token_urlsafe(18)


class Channel(models.TextChoices):
    """How a message travels."""

    LINKEDIN = "linkedin", "LinkedIn"
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"


class Connection(OrganizationModel):
    """One set of credentials for one provider."""

    class Status(models.TextChoices):
        UNTESTED = "untested", "Not tested yet"
        OK = "ok", "Working"
        FAILING = "failing", "Failing"
        DISABLED = "disabled", "Disabled"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    provider = models.CharField(max_length=32)
    name = models.CharField(max_length=120)
    #: Unguessable path segment of ``/webhooks/<provider>/<key>``.
    key = models.CharField(max_length=64, unique=True, default=new_connection_key)
    #: Blank means the installation's own address for this provider (settings).
    base_url = models.URLField(max_length=300, blank=True)
    #: Encrypted (``project.core.crypto``): the provider's fields (``registry``), ``webhook_secret`` and replaced
    #: webhook secrets as ``previous_<name>``.
    credentials = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.UNTESTED)
    last_error = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    last_webhook_at = models.DateTimeField(null=True)
    #: Inbound calls that were not proven to come from the provider (not all of them are stored).
    refused_webhooks = models.PositiveBigIntegerField(default=0)
    last_refused_at = models.DateTimeField(null=True)
    #: Genuine calls that were put off because there were too many of them (not all of them are counted).
    limited_webhooks = models.PositiveBigIntegerField(default=0)
    last_limited_at = models.DateTimeField(null=True)
    #: What was wrong with the webhooks registered at the provider: ``[{problem, source, message}]``.
    webhook_findings = models.JSONField(default=list)
    webhooks_checked_at = models.DateTimeField(null=True)
    #: Why they could not be looked at, blank if they could.
    webhooks_check_error = models.TextField(blank=True)
    #: A pass over the webhooks of each campaign (``services.webhook_passes``), empty while there is none; and until
    #: when a worker holds it, or it waits.
    webhooks_pass = models.JSONField(default=dict)
    webhooks_pass_until = models.DateTimeField(null=True)
    #: How far the provider's lists of suppressed addresses were read: list -> ISO time.
    suppressions_read = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class SenderAccount(OrganizationModel):
    """A LinkedIn seat, mailbox or number that sends."""

    class Status(models.TextChoices):
        OK = "ok", "Connected"
        CONNECTING = "connecting", "Connecting"
        CREDENTIALS = "credentials", "Signed out"
        PERMISSIONS = "permissions", "Permissions missing"
        RESTRICTED = "restricted", "Restricted by the network"
        STOPPED = "stopped", "Stopped"
        ERROR = "error", "Error"
        DELETED = "deleted", "Removed at the provider"

    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="senders")
    connection = OrganizationForeignKey(Connection, on_delete=models.CASCADE, related_name="senders")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    name = models.CharField(max_length=120)
    #: The account's id at the provider (Unipile ``account_id``).
    provider_account_id = models.CharField(max_length=120)
    #: The account's own user id on the network, to tell our messages from theirs (mission N4).
    own_user_id = models.CharField(max_length=160, blank=True)
    #: All of them: Sales Navigator and Recruiter know the same account by other ids.
    own_user_ids = models.JSONField(default=list)
    own_public_identifier = models.CharField(max_length=160, blank=True)
    #: What the other side sees: the e-mail address (lower case) or the telephone number (E.164).
    address = models.CharField(max_length=254, blank=True)
    #: E-mail: where answers go, if not to ``address``.
    reply_to = models.CharField(max_length=254, blank=True)
    #: E-mail: plain text under every message.
    signature = models.TextField(blank=True)
    #: What only this provider knows, such as ``ip_pool`` or ``messaging_service_sid``; no secrets.
    options = models.JSONField(default=dict)
    time_zone = models.CharField(max_length=64, default="UTC")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.CONNECTING)
    status_raw = models.CharField(max_length=60, blank=True)
    status_reason = models.TextField(blank=True)
    status_changed_at = models.DateTimeField(null=True)
    #: When the provider said so: older news that comes later changes nothing.
    status_reported_at = models.DateTimeField(null=True)
    #: Set by a person; nothing leaves while it is set.
    paused_at = models.DateTimeField(null=True)
    #: Actions that the network throttles on this account, e.g. ``{"invite": "2026-11-21T16:00:00Z"}``.
    action_pauses = models.JSONField(default=dict)
    #: Days on which no campaign sends through it: ``[{first, last, reason}]`` (``services.freezing``).
    freezes = models.JSONField(default=list)
    #: The next campaign send is spaced to this time; replies of people do not wait for it.
    next_send_at = models.DateTimeField(null=True)
    last_inbound_at = models.DateTimeField(null=True)
    #: When a webhook last told something about this account; silence makes the sync poll.
    last_webhook_at = models.DateTimeField(null=True)
    #: Since when the provider's records show messages that no webhook told of; null while webhooks come.
    webhooks_silent_since = models.DateTimeField(null=True)
    #: Up to when everything that people wrote to this account is known here (``services.freshness``).
    inbound_synced_at = models.DateTimeField(null=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["connection", "provider_account_id"], name="sender_account_once")
        ]
        indexes = [
            models.Index(
                fields=["organization", "address"], name="sender_by_address", condition=~models.Q(address="")
            )
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_paid_seat(self) -> bool:
        """Whether LinkedIn allows it what paid seats may, as far as known: a free one sends shorter notes."""
        return bool(self.options.get("seat") != "free")


class ConnectRequest(OrganizationModel):
    """A sign-in link that was handed out: its nonce comes back in the provider's notice. Only the hash is
    kept.
    """

    connection = OrganizationForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    client = OrganizationForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: The account that is signed in again, or the one that was made.
    sender = OrganizationForeignKey(SenderAccount, on_delete=models.CASCADE, null=True, related_name="+")
    nonce_hash = models.CharField(max_length=64, unique=True)
    requested_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    #: The provider's word about how it ended.
    result = models.CharField(max_length=60, blank=True)


class PlatformSwitch(PlainModel):
    """Stops all sending of the whole installation. At most one row, while it is on."""

    #: Always true: the unique constraint allows one row.
    is_on = models.BooleanField(default=True, unique=True, editable=False)
    reason = models.CharField(max_length=200, blank=True)
    switched_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")


class KillSwitch(OrganizationModel):
    """Stops all sending of an organization, client, campaign, step or sender from the next claim on."""

    class Level(models.TextChoices):
        ORGANIZATION = "organization", "Organization"
        CLIENT = "client", "Client"
        CAMPAIGN = "campaign", "Campaign"
        SENDER = "sender", "Sender"
        NODE = "node", "Step"

    level = models.CharField(max_length=16, choices=Level.choices)
    #: The id of the organization, client, campaign or sender that is stopped; of a step, its campaign's.
    target_id = models.UUIDField()
    #: Of a step, the node's id.
    node_id = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    switched_by = models.ForeignKey("tenancy.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "level", "target_id", "node_id"], name="kill_switch_once"
            )
        ]
