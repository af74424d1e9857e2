"""What Mailbox is to the rest: its words, what it can do, and what is asked for when it is connected."""

from __future__ import annotations

from typing import Final

from integrations.base import Capability
from integrations.declaring import CredentialField, Provider

DECLARATION: Final = Provider(
    kind="mailbox",
    label="Mailbox",
    icon="envelope",
    channels=("email",),
    adapter_path="integrations.providers.mailbox.adapter:MailboxAdapter",
    base_url_setting="MAILBOX_BASE_URL",
    base_url_help="Blank. A mailbox's servers are among its credentials.",
    capabilities=frozenset(
        {
            Capability.VERIFIES_CREDENTIALS,
            Capability.LISTS_ACCOUNTS,
            Capability.SENDS_EMAIL,
            Capability.SETTLES_SENDS,
            Capability.POLLS_INBOUND,
            Capability.LISTS_INBOUND,
            Capability.WATCHES_INBOUND,
            Capability.FETCHES_MAIL,
        }
    ),
    emits=frozenset(
        {
            "message_received",
            "message_delivered",
            "message_bounced",
            "spam_complained",
            "unsubscribed",
        }
    ),
    credential_fields=(
        CredentialField(
            name="address", label="E-mail address", help="Where mail is sent from.", secret=False
        ),
        CredentialField(
            name="username",
            label="User name",
            help="Blank if it is the e-mail address.",
            secret=False,
            required=False,
        ),
        CredentialField(
            name="password",
            label="Password",
            help="Google, Yahoo and iCloud want an app password here, not the one of the account.",
        ),
        *(
            CredentialField(name=name, label=label, help=text, secret=False, required=False)
            for name, label, text in (
                ("smtp_host", "SMTP server", "Mail is handed over there."),
                ("smtp_port", "SMTP port", "Usually 465 or 587."),
                ("smtp_security", "SMTP encryption", "tls or starttls."),
                ("imap_host", "IMAP server", "Mail is read there."),
                ("imap_port", "IMAP port", "Usually 993."),
                ("imap_security", "IMAP encryption", "tls or starttls."),
                ("sent_folder", "Folder for sent mail", "Blank if it is to be found by its name."),
                ("saves_sent", "Keeps sent mail", "yes if the server keeps what is sent by itself."),
                ("reads_junk", "Read the spam folder", "yes if answers there are to count."),
            )
        ),
    ),
)
