"""How rows of this room read in a difference."""

from __future__ import annotations

from integrations.models import OutboundMessage
from project.core.changes import RowWords, tell


def _outbound(row: OutboundMessage) -> str:
    what = row.action.replace("_", " ")
    return f"{what} from {row.sender}" + (f", “{row.body[:60]}”" if row.body else "")


def register() -> None:
    """Say how they read."""
    tell(
        "integrations.ProviderEvent",
        RowWords(
            order=65,
            name="fact",
            text=lambda row: f"{row.kind.replace('_', ' ')}, {row.occurred_at:%d %b %H:%M} UTC",
        ),
    )
    tell(
        "integrations.OutboundMessage",
        RowWords(
            order=45,
            name="send",
            text=_outbound,
            related=("sender",),
            fields={
                "state": "state",
                "hold_reason": "held because",
                "delivered_at": "delivered",
                "seen_at": "seen",
                "error_kind": "error",
            },
            gone=lambda row: row.state == OutboundMessage.State.CANCELLED,
        ),
    )
    tell(
        "integrations.SenderAccount",
        RowWords(
            order=25,
            name="account",
            text=str,
            fields={"status": "state", "status_reason": "because", "last_inbound_at": "last written to"},
        ),
    )
    tell(
        "integrations.SendAttempt",
        RowWords(
            order=60,
            name="attempt",
            text=lambda row: f"number {row.number}",
            fields={"state": "state", "detail": "evidence"},
        ),
    )
