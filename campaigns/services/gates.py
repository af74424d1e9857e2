"""The gates before a send, in order; the first that objects binds and says why and until when.

The engine asks ``first`` before a send is prepared, with ``Circumstances`` read once for many; the outbox asks
``before_attempt`` right before the provider is called, because minutes may lie between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from campaigns.models import Campaign, EngineSettings, Enrollment, ScheduledAction
from campaigns.plans.schema import SendNode
from campaigns.scheduling import CalendarNeverOpens, is_open, spread, zones
from campaigns.services import brakes, suppression, texting
from campaigns.services.assignment import GONE, choice_of
from campaigns.services.changes import sender_for
from campaigns.services.planning import context_of, plan_of
from campaigns.services.points import CAPABILITY_OF_CHANNEL
from campaigns.services.suppressed import suppressed_leads
from integrations.models import OutboundMessage, SenderAccount
from integrations.services import freezing, freshness, switches
from integrations.services.holds import Hold
from integrations.services.senders import sendable
from project.core.clock import now
from project.tenancy.services.entitlements import provider_for

#: The hold of a send whose sender is gone for good: the engine looks for another one.
SENDER_GONE = "sender_gone"


@dataclass(slots=True)
class Circumstances:
    """What the gates compare with, read once for a batch of one organization."""

    at: datetime
    stops: switches.Stops
    fresh_minutes: int | None
    #: (lead, channel) -> how the address came onto the suppression list.
    suppressed: dict[tuple[UUID, str], str] = field(default_factory=dict)
    #: Accounts that follow-ups wait for because their inbox is not known.
    stale: set[UUID] = field(default_factory=set)
    #: Brakes that are on, read when the first e-mail asks.
    _brakes: brakes.Standing | None = None
    _entitled: dict[tuple[str, UUID], bool] = field(default_factory=dict)
    _holds: dict[tuple[UUID, str], Hold | None] = field(default_factory=dict)
    _inboxes: dict[UUID, Hold | None] = field(default_factory=dict)

    @classmethod
    def of(cls, enrollments: Sequence[Enrollment], channels: Iterable[str]) -> Circumstances:
        """Read switches, settings and suppressions for enrollments whose leads have their ``channels`` loaded."""
        return cls(
            at=now(),
            stops=switches.load(),
            fresh_minutes=fresh_minutes(),
            suppressed=suppressed_leads(
                [enrollment.lead for enrollment in enrollments], channels=set(channels)
            ),
        )

    def is_entitled(self, channel: str, client_id: UUID) -> bool:
        """Whether a client may use a channel."""
        key = (channel, client_id)
        if key not in self._entitled:
            self._entitled[key] = provider_for(CAPABILITY_OF_CHANNEL[channel], client_id) is not None
        return self._entitled[key]

    def sender_hold(self, sender: SenderAccount, action: str) -> Hold | None:
        """Why an account may not do an action now."""
        key = (sender.id, action)
        if key not in self._holds:
            self._holds[key] = sendable(sender, action, self.at) or freezing.hold(sender, self.at)
        return self._holds[key]

    def standing_brakes(self) -> brakes.Standing:
        """The brakes that are on."""
        if self._brakes is None:
            self._brakes = brakes.Standing.load()
        return self._brakes

    def inbox_hold(self, sender: SenderAccount) -> Hold | None:
        """Why no follow-up may leave an account now; a stale one is remembered to be polled."""
        if sender.id not in self._inboxes:
            found = freshness.hold(sender, self.at, minutes=self.fresh_minutes)
            self._inboxes[sender.id] = found
            if found is not None:
                self.stale.add(sender.id)
        return self._inboxes[sender.id]


def fresh_minutes() -> int | None:
    """How old an inbox may be by the organization's own setting; ``None`` for the installation's."""
    found: int | None = EngineSettings.objects.values_list("fresh_minutes", flat=True).first()
    return found


Gate = Callable[[Enrollment, SendNode, SenderAccount | None, Circumstances], Hold | None]


def first(enrollment: Enrollment, action: ScheduledAction, around: Circumstances) -> Hold | None:
    """Return the first objection to an action of a locked enrollment. Timers only need a running enrollment."""
    running = _running(enrollment)
    if running is not None or action.kind == ScheduledAction.Kind.TIMER:
        return running
    node = plan_of(enrollment).index.get(action.node_id)
    if not isinstance(node, SendNode):
        return Hold("plan", "The plan has no such step any more.", final=True)
    sender = sender_for(enrollment, node.channel, choice_of(node))
    for _, gate in _GATES:
        hold = gate(enrollment, node, sender, around)
        if hold is not None:
            return hold
    return None


def every(
    enrollment: Enrollment, action: ScheduledAction, around: Circumstances
) -> Iterator[tuple[str, Hold | None]]:
    """Ask all gates, whatever the first of them says: (what has to be so, the objection), for explanations."""
    yield "The campaign and this lead run", _running(enrollment)
    node = plan_of(enrollment).index.get(action.node_id)
    if action.kind == ScheduledAction.Kind.TIMER or not isinstance(node, SendNode):
        return
    sender = sender_for(enrollment, node.channel, choice_of(node))
    for label, gate in _GATES:
        yield label, gate(enrollment, node, sender, around)


def _running(enrollment: Enrollment) -> Hold | None:
    if enrollment.status == Enrollment.Status.PAUSED:
        return Hold("enrollment_paused", enrollment.reason or "Paused.")
    if enrollment.campaign.status != Campaign.Status.ACTIVE:
        return Hold("campaign", f"The campaign is {enrollment.campaign.get_status_display().lower()}.")
    return None


def _switch(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    stop = around.stops.of(
        client_id=enrollment.client_id,
        campaign_id=enrollment.campaign_id,
        sender_id=sender.id if sender is not None else None,
        node_id=node.id,
    )
    return Hold("kill_switch", stop.sentence) if stop is not None else None


def _entitlement(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    if around.is_entitled(node.channel, enrollment.client_id):
        return None
    return Hold("entitlement", f"{CAPABILITY_OF_CHANNEL[node.channel].label} is not enabled for this client.")


def _suppressed(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    if (enrollment.lead_id, node.channel) not in around.suppressed:
        return None
    found = suppression.suppression_of(
        client_id=enrollment.client_id, lead_id=enrollment.lead_id, channel=node.channel
    )
    return suppression.hold_of(found) if found is not None else None


def _calendar(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    return calendar_hold(enrollment, node, around.at)


def calendar_hold(enrollment: Enrollment, node: SendNode, moment: datetime) -> Hold | None:
    """Why nothing may leave at ``moment`` by the campaign's calendar, and when it may, spread over the opening."""
    context = context_of(enrollment)
    try:
        if is_open(moment, context.calendar, context.tz):
            return None
        opens = spread(moment, context.calendar, context.tz, seed=f"{enrollment.id}:{node.id}")
    except CalendarNeverOpens as error:
        return Hold("calendar", str(error))
    text = f"Outside the sending window; goes out {zones.told(opens, context.tz)}."
    return Hold("calendar", text, until=opens)


def _quiet_hours(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    """A text leaves in decent hours of its recipient's day."""
    if node.channel != "sms":
        return None
    phone = next((row.normalized for row in enrollment.lead.channels.all() if row.kind == "sms"), "")
    return texting.quiet_hold(enrollment, node, phone, around.at)


def _brake(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    """No e-mail leaves where too much has come back."""
    if node.channel != "email":
        return None
    email = next((row.normalized for row in enrollment.lead.channels.all() if row.kind == "email"), "")
    return around.standing_brakes().hold(
        client_id=enrollment.client_id,
        sender_id=sender.id if sender is not None else None,
        email=email,
        lead_id=enrollment.lead_id,
    )


def _sender(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    if sender is None:
        return Hold("sender", f"The campaign has no sender for this step ({node.channel}).", final=True)
    hold = around.sender_hold(sender, node.action)
    if hold is not None and sender.status in GONE:
        return Hold(SENDER_GONE, hold.reason)
    return hold


def _inbox(
    enrollment: Enrollment, node: SendNode, sender: SenderAccount | None, around: Circumstances
) -> Hold | None:
    """A follow-up waits until we know what the lead may have answered in the meantime."""
    if sender is None or not is_follow_up(enrollment):
        return None
    return around.inbox_hold(sender)


_GATES: Final[tuple[tuple[str, Gate], ...]] = (
    ("Sending is switched on", _switch),
    ("The client may use the channel", _entitlement),
    ("The lead may be written to", _suppressed),
    ("The sending window is open", _calendar),
    ("It is a decent hour for a text", _quiet_hours),
    ("The sender can send", _sender),
    ("No brake is on", _brake),
    ("The sender's inbox is known", _inbox),
)
"""The gates in their order, with what each makes sure of."""


def is_follow_up(enrollment: Enrollment) -> bool:
    """Whether something has left for the lead in this enrollment already. Reads the stored state."""
    state = enrollment.state
    happened = state.get("checkpoint", {}).get("happened", ())
    return any(pair[0] == "sent" for pair in happened) or any(
        fact["kind"] == "sent" for fact in state.get("facts", ())
    )


def before_attempt(outbound: OutboundMessage) -> Hold | None:
    """The outbox's last question. Replies of people are only held for suppressed addresses."""
    suppressed = suppression.gate(outbound)
    if suppressed is not None or outbound.enrollment_id is None:
        return suppressed
    enrollment = (
        Enrollment.objects.select_related("campaign", "lead", "lead__company", "lead__client")
        .filter(id=outbound.enrollment_id)
        .first()
    )
    if enrollment is None or enrollment.status == Enrollment.Status.ENDED:
        return Hold("enrollment_ended", "The enrollment has ended; nothing more is sent.", final=True)
    node = plan_of(enrollment).index.get(outbound.node_id)
    if not isinstance(node, SendNode):
        return Hold("plan", "The plan has no such step any more.", final=True)
    return (
        _running(enrollment)
        or calendar_hold(enrollment, node, now())
        or texting.quiet_hold(enrollment, node, str(outbound.recipient.get("phone", "")), now())
        or freezing.hold(outbound.sender, now())
        or _inbox_before_attempt(enrollment, outbound)
    )


def _inbox_before_attempt(enrollment: Enrollment, outbound: OutboundMessage) -> Hold | None:
    if not is_follow_up(enrollment):
        return None
    hold = freshness.hold(outbound.sender, now(), minutes=fresh_minutes())
    if hold is not None:
        freshness.poll({outbound.sender_id})
    return hold
