"""The feature matrix of providers as Markdown, from what they declare (``registry``). Pure."""

from __future__ import annotations

from typing import Final

from integrations import registry
from integrations.base import Capability

#: What each capability means, in the order of the table.
WORDS: Final[dict[Capability, str]] = {
    Capability.VERIFIES_CREDENTIALS: "Test connection",
    Capability.LISTS_ACCOUNTS: "List accounts",
    Capability.CONNECTS_ACCOUNTS: "Connect and reconnect accounts",
    Capability.VERIFIES_IDENTITIES: "Verify sender identities",
    Capability.READS_PROFILES: "Read profiles",
    Capability.SENDS_INVITATIONS: "Send invitations",
    Capability.SENDS_MESSAGES: "Send messages",
    Capability.SENDS_INMAIL: "Send InMail",
    Capability.SENDS_EMAIL: "Send e-mail",
    Capability.SENDS_SMS: "Send texts",
    Capability.SETTLES_SENDS: "Settle uncertain sends",
    Capability.RECEIVES_WEBHOOKS: "Receive webhooks",
    Capability.MANAGES_WEBHOOKS: "Check and mend webhooks",
    Capability.REGISTERS_BY_CAMPAIGN: "Webhooks of each campaign by itself",
    Capability.ROUTES_INBOUND: "Route inbound mail",
    Capability.SYNCS_MESSAGES: "Read message history",
    Capability.SYNCS_RELATIONS: "Read connections",
    Capability.POLLS_INBOUND: "Poll for what came in",
    Capability.LISTS_INBOUND: "List what came in within a window",
    Capability.WATCHES_INBOUND: "Watch for what comes in",
    Capability.UNPACKS_MAIL: "Unpack raw mail",
    Capability.FETCHES_MAIL: "Fetch raw mail",
    Capability.SYNCS_SUPPRESSIONS: "Exchange suppression lists",
    Capability.VALIDATES_ADDRESSES: "Validate addresses",
    Capability.LISTS_IP_POOLS: "Choose IP pools",
    Capability.RUNS_CAMPAIGNS: "Run campaigns",
    Capability.KEEPS_SEQUENCES: "Push sequences",
    Capability.ASSIGNS_SENDERS: "Assign senders to campaigns",
    Capability.KEEPS_LEADS: "Push and list leads",
    Capability.STOPS_LEADS: "Stop leads",
    Capability.HOLDS_LEADS: "Pause and resume leads",
    Capability.CATEGORISES_LEADS: "Categorise leads",
    Capability.KEEPS_THREADS: "Read and answer threads",
    Capability.COUNTS_CAMPAIGNS: "Campaign statistics",
}

_HEAD: Final = """# What each provider can do

Made by `manage.py feature_matrix` from what the providers declare (`declaration.py` of each); a test fails while it
is not current. A capability that is not declared is offered nowhere and answers `unsupported`. Where answers go
through a provider's threads, an uncertain one is settled by reading the thread.
"""


def render() -> str:
    """Return the document."""
    providers = registry.providers()
    rows = [["", *(provider.label for provider in providers)], ["---", *(":-:" for _ in providers)]]
    rows.append(["Channels", *(", ".join(provider.channels) or "none" for provider in providers)])
    for capability in [*WORDS, *(one for one in Capability if one not in WORDS)]:
        name = WORDS.get(capability, capability.value.replace("_", " "))
        rows.append([name, *("yes" if capability in provider.capabilities else "" for provider in providers)])
    rows.append(["Kinds of events", *(str(len(provider.emits)) for provider in providers)])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    events = "\n".join(
        f"- **{provider.label}**: {', '.join(f'`{kind}`' for kind in sorted(provider.emits)) or 'none'}"
        for provider in providers
    )
    return f"{_HEAD}\n{table}\n\n## Events\n\n{events}\n"
