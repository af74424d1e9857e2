"""Unipile's REST objects as our values (docs/providers/unipile.md, sections 2, 3 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from integrations.base import MessageKnowledge
from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile.direction import decide
from integrations.providers.unipile.fields import (
    PROVIDER,
    account_status,
    distance,
    flag,
    mapping,
    moment,
    number,
    objects,
    slug,
    strings,
    text,
)
from integrations.values import (
    Account,
    AccountSource,
    AccountStatus,
    Attachment,
    Chat,
    ChatMessage,
    Distance,
    InvitationState,
    MessageKind,
    Page,
    Person,
    Profile,
    Raw,
    Reaction,
    Relation,
    SentInvitation,
)

T = TypeVar("T")

_WORST_FIRST: Final = (
    AccountStatus.DELETED,
    AccountStatus.CREDENTIALS,
    AccountStatus.PERMISSIONS,
    AccountStatus.RESTRICTED,
    AccountStatus.ERROR,
    AccountStatus.STOPPED,
    AccountStatus.UNKNOWN,
    AccountStatus.CONNECTING,
    AccountStatus.OK,
)
_KINDS: Final = {
    "MESSAGE": MessageKind.MESSAGE,
    "INVITATION": MessageKind.INVITATION_NOTE,
    "INMAIL": MessageKind.INMAIL,
    "INMAIL_REPLY": MessageKind.INMAIL_REPLY,
    "INMAIL_ACCEPT": MessageKind.INMAIL_ACCEPT,
    "INMAIL_DECLINE": MessageKind.INMAIL_DECLINE,
}
_INVITATIONS: Final = {
    ("SENT", "PENDING"): InvitationState.SENT_PENDING,
    ("SENT", "IGNORED"): InvitationState.SENT_IGNORED,
    ("SENT", "WITHDRAWN"): InvitationState.SENT_WITHDRAWN,
}


def page(raw: Raw, parse: Callable[[Raw], T]) -> Page[T]:
    """Read a list answer. The cursor is opaque; empty means that there is no further page."""
    return Page(
        items=tuple(parse(item) for item in objects(raw.get("items"))), cursor=text(raw, "cursor") or None
    )


def account(raw: Raw) -> Account:
    """Read an account. Several sources give one status: the worst of them."""
    im = mapping(mapping(raw.get("connection_params")).get("im"))
    sources = tuple(
        AccountSource(
            source_id=text(item, "id"),
            status=account_status(text(item, "status")),
            raw_status=text(item, "status"),
        )
        for item in objects(raw.get("sources"))
    )
    worst = min(sources, key=lambda source: _WORST_FIRST.index(source.status), default=None)
    return Account(
        account_id=text(raw, "id", "account_id"),
        network=text(raw, "type").lower(),
        name=text(raw, "name"),
        status=worst.status if worst else AccountStatus.UNKNOWN,
        raw_status=worst.raw_status if worst else "",
        own_user_ids=tuple(filter(None, (text(im, "id"), text(im, "premiumId")))),
        public_identifier=slug(text(im, "publicIdentifier")),
        login=text(im, "username"),
        premium_features=strings(im.get("premiumFeatures")),
        sources=sources,
        created_at=moment(raw.get("created_at")),
        # The connection parameters hold proxy passwords and the like.
        raw={key: value for key, value in raw.items() if key != "connection_params"},
    )


def invitation_state(raw: Raw) -> InvitationState:
    """Read a profile's ``invitation``. An absent one is unknown, not none: the field is optional."""
    if "invitation" not in raw:
        return InvitationState.UNKNOWN
    invitation = mapping(raw["invitation"])
    if not invitation:
        return InvitationState.NONE
    kind, state = text(invitation, "type").upper(), text(invitation, "status").upper()
    if kind == "RECEIVED":
        return InvitationState.RECEIVED
    return _INVITATIONS.get((kind, state), InvitationState.UNKNOWN)


def profile(raw: Raw) -> Profile:
    """Read a profile. Connected is what it says, else first degree, else unknown."""
    far = distance(raw.get("network_distance"))
    connected = flag(raw.get("is_relationship"))
    if connected is None and far is not Distance.UNKNOWN:
        connected = far is Distance.FIRST
    contact = mapping(raw.get("contact_info"))
    works = objects(raw.get("work_experience"))
    job = next((item for item in works if item.get("current")), works[0] if works else {})
    return Profile(
        provider_id=text(raw, "provider_id", "member_id", "id"),
        public_identifier=slug(text(raw, "public_identifier")),
        member_urn=text(raw, "member_urn"),
        first_name=text(raw, "first_name"),
        last_name=text(raw, "last_name"),
        headline=text(raw, "headline"),
        location=text(raw, "location"),
        company=text(job, "company"),
        position=text(job, "position"),
        emails=strings(contact.get("emails")),
        phones=strings(contact.get("phones")),
        profile_url=text(raw, "public_profile_url", "profile_url"),
        distance=far,
        raw_distance=text(raw, "network_distance"),
        is_connected=connected,
        is_self=flag(raw.get("is_self")),
        invitation=invitation_state(raw),
        raw=raw,
    )


def relation(raw: Raw) -> Relation:
    """Read a connection. Its id is ``member_id``, the same value that is ``provider_id`` elsewhere."""
    return Relation(
        provider_id=text(raw, "member_id", "provider_id"),
        public_identifier=slug(text(raw, "public_identifier") or text(raw, "public_profile_url")),
        member_urn=text(raw, "member_urn"),
        first_name=text(raw, "first_name"),
        last_name=text(raw, "last_name"),
        headline=text(raw, "headline"),
        profile_url=text(raw, "public_profile_url"),
        connected_at=moment(raw.get("created_at")),
        raw=raw,
    )


def sent_invitation(raw: Raw) -> SentInvitation:
    """Read a pending invitation. ``specifics`` may hold a shared secret and is left out of the raw object."""
    return SentInvitation(
        invitation_id=text(raw, "id"),
        provider_id=text(raw, "invited_user_id"),
        public_identifier=slug(text(raw, "invited_user_public_id")),
        name=text(raw, "invited_user"),
        sent_at=moment(raw.get("parsed_datetime")),
        text=text(raw, "invitation_text"),
        raw={key: value for key, value in raw.items() if key != "specifics"},
    )


def person(raw: Raw) -> Person:
    """Read an attendee in any of its spellings: webhook (``attendee_*``), REST, or user (``user_*``)."""
    specifics = mapping(raw.get("attendee_specifics") or raw.get("specifics"))
    url = text(raw, "attendee_profile_url", "profile_url", "user_profile_url")
    identifier = text(raw, "attendee_public_identifier", "public_identifier", "user_public_identifier")
    far = distance(specifics.get("network_distance", raw.get("network_distance")))
    own = flag(raw.get("is_self"))
    return Person(
        provider_id=text(raw, "attendee_provider_id", "provider_id", "user_provider_id"),
        name=text(raw, "attendee_name", "name", "user_full_name"),
        public_identifier=slug(identifier or url),
        member_urn=text(specifics, "member_urn") or text(raw, "member_urn"),
        profile_url=url,
        headline=text(specifics, "headline", "occupation"),
        distance=far,
        is_self=True if own is None and far is Distance.SELF else own,
    )


def attachment(raw: Raw) -> Attachment:
    """Read an attachment of REST or webhook spelling."""
    size = raw.get("file_size", raw.get("attachment_size"))
    return Attachment(
        attachment_id=text(raw, "id", "attachment_id"),
        kind=text(raw, "type", "attachment_type") or "file",
        name=text(raw, "file_name", "attachment_name", "name"),
        mime_type=text(raw, "mimetype", "attachment_mimetype"),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        url=text(raw, "url", "attachment_url"),
        unavailable=flag(raw.get("unavailable")) or False,
        voice_note=flag(raw.get("voice_note")) or False,
    )


def attachments(value: object) -> tuple[Attachment, ...]:
    """Read a list of attachments or a single one (both have been seen)."""
    return tuple(attachment(item) for item in objects(value))


def chat(raw: Raw) -> Chat:
    """Read a chat. ``type`` 0 is one-to-one; 1 and 2 are not documented, both are groups to us."""
    kind = raw.get("type")
    return Chat(
        chat_id=text(raw, "id"),
        account_id=text(raw, "account_id"),
        provider_chat_id=text(raw, "provider_id"),
        counterpart_id=text(raw, "attendee_provider_id"),
        name=text(raw, "name"),
        is_group=kind != 0 if isinstance(kind, int) else None,
        subject=text(raw, "subject"),
        content_type=text(raw, "content_type"),
        folders=strings(raw.get("folder")),
        unread_count=number(raw.get("unread_count")),
        read_only=number(raw.get("read_only")) != 0,
        last_activity_at=moment(raw.get("timestamp")),
        raw=raw,
    )


def message_kind(raw: Raw) -> tuple[MessageKind, str]:
    """Return the kind of a REST or webhook message and the vendor's words for it."""
    kind, content = text(raw, "message_type").upper(), text(raw, "chat_content_type", "content_type").lower()
    words = " ".join(filter(None, (kind, content)))
    if flag(raw.get("is_event")):
        return MessageKind.SYSTEM, words or "EVENT"
    if content in {"sponsored", "linkedin_offer"}:
        return MessageKind.SPONSORED, words
    if not kind and content == "inmail":
        return MessageKind.INMAIL, words
    return _KINDS.get(kind, MessageKind.MESSAGE), words


def reaction(raw: Raw) -> Reaction:
    """Read a reaction of a stored message."""
    return Reaction(
        value=text(raw, "value"),
        sender_provider_id=text(raw, "sender_id"),
        is_own=flag(raw.get("is_sender")),
    )


def message(raw: Raw, *, account_id: str, knowledge: MessageKnowledge) -> ChatMessage:
    """Read a stored message and settle its direction from it and from what we know.

    A message of another account raises kind ``conflict``: one token covers every account of the DSN, so that
    keeping tenants apart is up to us.
    """
    owner = text(raw, "account_id") or account_id
    if owner != account_id:
        raise ProviderError(ErrorKind.CONFLICT, "The message belongs to another account.", provider=PROVIDER)
    sender = Person(
        provider_id=text(raw, "sender_id"),
        member_urn=text(raw, "sender_urn"),
        distance=distance(raw.get("attendee_distance")),
    )
    ids = frozenset(filter(None, (text(raw, "id"), text(raw, "provider_id"))))
    decision = decide(
        is_sender=raw.get("is_sender"),
        sender_id=sender.provider_id,
        sender_distance=sender.distance,
        own_ids=knowledge.own_user_ids(account_id),
        sent_by_us=lambda: knowledge.sent_by_us(account_id, ids),
    )
    kind, raw_kind = message_kind(raw)
    return ChatMessage(
        message_id=text(raw, "id"),
        account_id=owner,
        provider_message_id=text(raw, "provider_id"),
        chat_id=text(raw, "chat_id"),
        provider_chat_id=text(raw, "chat_provider_id"),
        sender=sender,
        direction=decision.direction,
        raw_direction=decision.raw,
        direction_rule=decision.rule,
        text=text(raw, "text"),
        subject=text(raw, "subject"),
        kind=kind,
        raw_kind=raw_kind,
        sent_at=moment(raw.get("timestamp")) or datetime.now(UTC),
        seen=flag(raw.get("seen")) or False,
        delivered=flag(raw.get("delivered")) or False,
        edited=flag(raw.get("edited")) or False,
        deleted=flag(raw.get("deleted")) or False,
        hidden=flag(raw.get("hidden")) or False,
        attachments=attachments(raw.get("attachments")),
        reactions=tuple(reaction(item) for item in objects(raw.get("reactions"))),
        raw=raw,
    )


def counterpart(people: Sequence[Person], own_ids: frozenset[str], *, is_group: bool) -> Person | None:
    """Return the one person who is not the account itself; ``None`` in groups and where it is not clear."""
    others = {
        someone.provider_id: someone
        for someone in people
        if someone.provider_id and someone.provider_id not in own_ids and not someone.is_self
    }
    return next(iter(others.values())) if len(others) == 1 and not is_group else None
