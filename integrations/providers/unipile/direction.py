"""Who wrote a message: the rules in the order of docs/providers/unipile.md, section 6 (mission N4).

The account's own messages come as ``message_received`` too, also those written on the phone. A wrong guess
either stops a sequence for our own words or hides a reply, so what cannot be known stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations.providers.unipile.fields import flag, id_family
from integrations.values import Direction, Distance


@dataclass(frozen=True, slots=True)
class Decision:
    """A direction, the rule that settled it, and the vendor's flag as text."""

    direction: Direction
    rule: str
    raw: str


def _from_flag(is_sender: bool) -> Direction:
    return Direction.OUTBOUND if is_sender else Direction.INBOUND


def decide(
    *,
    is_sender: Any,
    sender_id: str,
    sender_distance: Distance,
    own_ids: frozenset[str],
    sent_by_us: Callable[[], bool],
    look_up: Callable[[], Any] | None = None,
) -> Decision:
    """Apply the rules until one settles it.

    1. ``is_sender``, if it is there and readable.
    2. The sender's id against the account's own ids. Ids of different LinkedIn id spaces (classic, Sales
       Navigator, Recruiter) name one person differently, so there only equality says something.
    3. The sender's distance ``SELF``.
    4. The message is one that we sent.
    5. ``look_up``: the provider's own record of the message (its ``is_sender``).
    """
    raw = "" if is_sender is None else str(is_sender)
    told = flag(is_sender)
    if told is not None:
        return Decision(_from_flag(told), "is_sender", raw)
    if sender_id and sender_id in own_ids:
        return Decision(Direction.OUTBOUND, "user_id", raw)
    if sender_id and any(id_family(own) == id_family(sender_id) for own in own_ids):
        return Decision(Direction.INBOUND, "user_id", raw)
    if sender_distance is Distance.SELF:
        return Decision(Direction.OUTBOUND, "self_distance", raw)
    if sent_by_us():
        return Decision(Direction.OUTBOUND, "known_own", raw)
    if look_up is not None:
        told = flag(look_up())
        if told is not None:
            return Decision(_from_flag(told), "lookup", raw)
    return Decision(Direction.UNKNOWN, "none", raw)
