"""Operations of the JSON API about e-mail addresses as senders: adding one, having it proven, changing it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Field, Router, Schema, Status

from integrations import api_rows
from integrations import api_schemas as schemas
from integrations.models import SenderAccount
from integrations.services import identities
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router()


class PostalIn(Schema):
    """The sender's own postal address."""

    address: str = Field(max_length=100)
    city: str = Field(max_length=150)
    zip: str = Field("", max_length=10)
    country: str = Field(max_length=100)


class IdentityIn(Schema):
    """An e-mail address to add as a sender."""

    client_id: UUID
    address: str = Field(max_length=254)
    name: str = Field(max_length=120)
    reply_to: str = Field("", max_length=254)
    signature: str = Field("", max_length=5000)
    time_zone: str = Field("", max_length=64)
    ip_pool: str = Field("", max_length=64)
    postal: PostalIn


class IdentityChangeIn(Schema):
    """What may be changed about an e-mail sender; fields that are left out stay."""

    name: str | None = Field(None, max_length=120)
    reply_to: str | None = Field(None, max_length=254)
    signature: str | None = Field(None, max_length=5000)
    ip_pool: str | None = Field(None, max_length=64)


@router.post(
    "/connections/{connection_id}/identities", response={201: schemas.SenderOut}, tags=["Connections"]
)
@api_rule(Permission.SENDERS_EDIT)
def add_identity(request: ApiRequest, connection_id: UUID, payload: IdentityIn) -> Any:
    """Add an e-mail address as a sender; the provider mails its owner a link, and it may send once that was
    followed.
    """
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    client = get_or_404(request.access.clients(), payload.client_id)
    wanted = identities.Wanted(
        **payload.model_dump(exclude={"client_id", "postal"}), postal=payload.postal.model_dump()
    )
    made = identities.add(connection=connection, client=client, wanted=wanted, actor=request.access.user)
    return Status(201, made)


@router.post("/senders/{sender_id}/verification", response={204: None}, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def resend_verification(request: ApiRequest, sender_id: UUID) -> Any:
    """Have the proving mail sent again."""
    identities.resend(sender=_sender(request, sender_id), actor=request.access.user)
    return Status(204, None)


@router.patch("/senders/{sender_id}/identity", response=schemas.SenderOut, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def change_identity(request: ApiRequest, sender_id: UUID, payload: IdentityChangeIn) -> Any:
    """Change the name, reply address, signature or IP pool of an e-mail sender."""
    values = {name: value for name, value in payload.model_dump().items() if value is not None}
    return identities.change(sender=_sender(request, sender_id), values=values, actor=request.access.user)


def _sender(request: ApiRequest, sender_id: UUID) -> SenderAccount:
    found: SenderAccount = get_or_404(api_rows.senders(request.access), sender_id)
    return found
