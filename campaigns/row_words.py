"""How rows of this room read in a difference."""

from __future__ import annotations

from campaigns.models import Enrollment, ScheduledAction
from project.core.changes import RowWords, tell


def _ends(before: Enrollment, after: Enrollment) -> bool:
    ended = Enrollment.Status.ENDED
    return before.status != ended and after.status == ended


def _step(row: ScheduledAction) -> str:
    what = row.get_kind_display().lower()
    return f"{what} {row.node_id.replace('_', ' ')} of {row.enrollment.lead}"


def register() -> None:
    """Say how they read."""
    tell(
        "campaigns.Enrollment",
        RowWords(
            order=30,
            name="enrollment",
            text=lambda row: f"{row.lead} in “{row.campaign}”",
            related=("lead", "campaign"),
            fields={"status": "sequence", "stage": "stage", "node_id": "step", "reason": "because"},
            stopped=_ends,
        ),
    )
    tell(
        "campaigns.ScheduledAction",
        RowWords(
            order=40,
            name="scheduled step",
            text=_step,
            related=("enrollment__lead",),
            fields={"state": "state", "due_at": "due", "held_reason": "held because"},
            gone=lambda row: row.state == ScheduledAction.State.CANCELLED,
        ),
    )
    tell(
        "campaigns.Relation",
        RowWords(
            order=50,
            name="connection",
            text=lambda row: f"{row.sender} and {row.lead}",
            related=("sender", "lead"),
        ),
    )
    tell(
        "campaigns.ReplyReading",
        RowWords(
            order=50,
            name="reading",
            text=lambda row: f"{row.enrollment.lead}: {row.intent.replace('_', ' ')}",
            related=("enrollment__lead",),
            fields={"intent": "intent"},
        ),
    )
    tell(
        "campaigns.Suppression",
        RowWords(
            order=50,
            name="do not contact",
            text=lambda row: f"{row.value} ({row.get_channel_display()})",
            fields={"expires_at": "until", "reason": "because"},
        ),
    )
    tell(
        "campaigns.Unsubscribe",
        RowWords(
            order=50,
            name="unsubscribed",
            text=lambda row: f"{row.value} ({row.get_channel_display()})",
            fields={"undone_at": "undone"},
        ),
    )
    tell(
        "campaigns.LeadChannel",
        RowWords(
            order=60,
            name="address",
            text=lambda row: f"{row.value} of {row.lead}",
            related=("lead",),
            fields={"provider_id": "id at the network", "bounced_at": "bounced"},
        ),
    )
    tell(
        "campaigns.SendOutcome",
        RowWords(
            order=60,
            name="delivery",
            text=lambda row: f"by {row.sender}",
            related=("sender",),
            fields={
                "delivered_at": "delivered",
                "opened_at": "opened",
                "clicked_at": "clicked",
                "bounced_at": "bounced",
                "failed_at": "failed",
                "complained_at": "complained",
                "unsubscribed_at": "unsubscribed",
            },
        ),
    )
    tell("campaigns.Brake", RowWords(order=50, name="brake", text=str))
