"""Operations of the JSON API: signing in, the organization and its clients, people, tokens, entitlements, audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router, Status

from project.core.api_pages import PageIn, PageOut, page_of
from project.core.scoping import platform_scope
from project.tenancy import api_schemas as schemas
from project.tenancy import selectors
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_public, api_rule, api_signed_in, api_superadmin
from project.tenancy.models import Client, Entitlement, Invitation, Membership, Organization
from project.tenancy.services import (
    clients,
    entitlements,
    invitations,
    memberships,
    organizations,
    people,
    sign_in,
    tokens,
)

router = Router()

NEWEST = ("-id",)


# --- Signing in ---------------------------------------------------------------------------------------


def _tokens_out(pair: sign_in.Tokens) -> dict[str, Any]:
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.expires_in,
        "organization": pair.organization.slug,
    }


@router.post("/auth/login", response=schemas.TokensOut, tags=["Signing in"])
@api_public("signing in, limited by address and account")
def login(request: ApiRequest, payload: schemas.LoginIn) -> Any:
    """Exchange e-mail and password (and the code of a second factor) for tokens of one organization."""
    pair = sign_in.log_in(
        request=request,
        email=payload.email,
        password=payload.password,
        code=payload.code,
        organization_slug=payload.organization,
    )
    return _tokens_out(pair)


@router.post("/auth/refresh", response=schemas.TokensOut, tags=["Signing in"])
@api_public("the refresh token is the proof")
def refresh(request: ApiRequest, payload: schemas.RefreshIn) -> Any:
    """Exchange a refresh token for new tokens. A token that was used before ends the whole sign-in."""
    return _tokens_out(sign_in.refresh(token=payload.refresh_token))


@router.post("/auth/logout", response={204: None}, tags=["Signing in"])
@api_public("the refresh token is the proof")
def logout(request: ApiRequest, payload: schemas.RefreshIn) -> Any:
    """End a sign-in: its refresh tokens are worthless; the access token runs out within 15 minutes."""
    sign_in.log_out(token=payload.refresh_token)
    return Status(204, None)


@router.get("/me", response=schemas.MeOut, tags=["Signing in"])
@api_signed_in
def me(request: ApiRequest) -> Any:
    """Who is calling, and where they belong."""
    return _me(request)


@router.patch("/me", response=schemas.MeOut, tags=["Signing in"])
@api_signed_in
def change_me(request: ApiRequest, payload: schemas.MePatch) -> Any:
    """Choose the time zone that pages show times in."""
    people.set_time_zone(user=request.caller.user, time_zone=payload.time_zone)
    return _me(request)


def _me(request: ApiRequest) -> dict[str, Any]:
    user, access = request.caller.user, request.access
    return {
        "user": user,
        "time_zone": user.time_zone,
        "memberships": [
            {
                "organization": place.organization.slug,
                "organization_name": place.organization.name,
                "role": place.role,
            }
            for place in selectors.places_of(user)
        ],
        "is_superadmin": user.is_superadmin,
        "organization": access.organization.slug if access else None,
        "role": access.role if access else None,
        "client_ids": sorted(access.client_ids) if access and access.client_ids is not None else None,
        "read_only": access.read_only if access else False,
    }


# --- Organizations ------------------------------------------------------------------------------------


@router.get("/organizations", response=PageOut[schemas.OrganizationOut], tags=["Platform"])
@api_superadmin
def list_organizations(request: ApiRequest, page: Query[PageIn]) -> Any:
    """All organizations, newest first (platform staff)."""
    with platform_scope("list all organizations"):
        return page_of(Organization.objects.all(), page, order=NEWEST)


@router.post("/organizations", response={201: schemas.ProvisionOut}, tags=["Platform"])
@api_superadmin
def provision_organization(request: ApiRequest, payload: schemas.ProvisionIn) -> Any:
    """Create an organization, its first admin and its entitlements, or nothing (platform staff)."""
    made = organizations.provision(
        name=payload.name,
        slug=payload.slug,
        time_zone=payload.time_zone,
        admin_email=payload.admin_email,
        capabilities={str(name): provider for name, provider in payload.capabilities.items()},
        actor=request.caller.user,
    )
    return Status(201, {"organization": made.organization, "admin_invited": made.invitation is not None})


@router.patch("/organizations/{organization_id}", response=schemas.OrganizationOut, tags=["Platform"])
@api_superadmin
def suspend_organization(request: ApiRequest, organization_id: UUID, payload: schemas.SuspensionIn) -> Any:
    """Shut an organization's members out, or let them back in (platform staff)."""
    get_or_404(Organization.objects.all(), organization_id)
    return organizations.set_active(
        organization_id=organization_id, active=payload.is_active, actor=request.caller.user
    )


@router.get("/organization", response=schemas.OrganizationOut, tags=["Organization"])
@api_rule(Permission.MEMBER)
def get_organization(request: ApiRequest) -> Any:
    """The organization of the caller."""
    return request.access.organization


@router.patch("/organization", response=schemas.OrganizationOut, tags=["Organization"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def update_organization(request: ApiRequest, payload: schemas.OrganizationPatch) -> Any:
    """Change name or time zone."""
    organization = request.access.organization
    return organizations.update(
        access=request.access,
        name=organization.name if payload.name is None else payload.name,
        time_zone=payload.time_zone or organization.time_zone,
    )


# --- Clients ------------------------------------------------------------------------------------------


@router.get("/clients", response=PageOut[schemas.ClientOut], tags=["Clients"])
@api_rule(Permission.MEMBER)
def list_clients(request: ApiRequest, page: Query[PageIn], include_archived: bool = False) -> Any:
    """The clients within reach, by name."""
    rows = request.access.clients()
    return page_of(rows if include_archived else rows.filter(is_archived=False), page, order=("name", "id"))


@router.post("/clients", response={201: schemas.ClientOut}, tags=["Clients"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def create_client(request: ApiRequest, payload: schemas.ClientIn) -> Any:
    """Add a client."""
    made = clients.create(
        access=request.access, name=payload.name, colour=payload.colour, time_zone=payload.time_zone
    )
    return Status(201, made)


@router.get("/clients/{client_id}", response=schemas.ClientOut, tags=["Clients"])
@api_rule(Permission.MEMBER)
def get_client(request: ApiRequest, client_id: UUID) -> Any:
    """One client."""
    return get_or_404(request.access.clients(), client_id)


@router.patch("/clients/{client_id}", response=schemas.ClientOut, tags=["Clients"])
@api_rule(Permission.SETTINGS_EDIT)
def update_client(request: ApiRequest, client_id: UUID, payload: schemas.ClientPatch) -> Any:
    """Change, archive or restore a client."""
    changes = payload.dict(exclude_none=True, exclude={"is_archived"})
    client: Client = clients.update(access=request.access, client_id=client_id, **changes)
    if payload.is_archived is not None:
        client = clients.set_archived(
            access=request.access, client_id=client_id, archived=payload.is_archived
        )
    return client


# --- Members and invitations --------------------------------------------------------------------------


@router.get("/members", response=PageOut[schemas.MemberOut], tags=["Members"])
@api_rule(Permission.SETTINGS_VIEW, whole=True)
def list_members(request: ApiRequest, page: Query[PageIn]) -> Any:
    """All members, the longest standing first."""
    return page_of(selectors.members(), page, order=("id",))


@router.get("/members/{member_id}", response=schemas.MemberOut, tags=["Members"])
@api_rule(Permission.SETTINGS_VIEW, whole=True)
def get_member(request: ApiRequest, member_id: UUID) -> Any:
    """One member."""
    return get_or_404(selectors.members(), member_id)


@router.patch("/members/{member_id}", response=schemas.MemberOut, tags=["Members"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def update_member(request: ApiRequest, member_id: UUID, payload: schemas.MemberPatch) -> Any:
    """Change role and reach, deactivate or reactivate a member. Open sockets are checked again at once."""
    get_or_404(Membership.objects.all(), member_id)
    if payload.reach is not None:
        memberships.change(
            access=request.access,
            member_id=member_id,
            role=payload.reach.role,
            all_clients=payload.reach.all_clients,
            client_ids=payload.reach.client_ids,
        )
    if payload.is_active is not None:
        memberships.set_active(access=request.access, member_id=member_id, active=payload.is_active)
    return get_or_404(selectors.members(), member_id)


@router.get("/invitations", response=PageOut[schemas.InvitationOut], tags=["Members"])
@api_rule(Permission.SETTINGS_VIEW, whole=True)
def list_invitations(request: ApiRequest, page: Query[PageIn]) -> Any:
    """All invitations, newest first."""
    return page_of(Invitation.objects.all(), page, order=NEWEST)


@router.post("/invitations", response={201: schemas.InvitationOut}, tags=["Members"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def invite(request: ApiRequest, payload: schemas.InvitationIn) -> Any:
    """Invite a person by e-mail."""
    made = invitations.create(
        email=payload.email,
        role=payload.role,
        all_clients=payload.all_clients,
        client_ids=payload.client_ids,
        actor=request.access.user,
    )
    return Status(201, made)


@router.delete("/invitations/{invitation_id}", response={204: None}, tags=["Members"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def revoke_invitation(request: ApiRequest, invitation_id: UUID) -> Any:
    """Withdraw an invitation."""
    invitations.revoke(invitation_id=invitation_id, actor=request.access.user)
    return Status(204, None)


# --- API tokens ---------------------------------------------------------------------------------------


@router.get("/tokens", response=PageOut[schemas.TokenOut], tags=["API tokens"])
@api_rule(Permission.SETTINGS_VIEW)
def list_tokens(request: ApiRequest, page: Query[PageIn]) -> Any:
    """The caller's tokens; admins see all."""
    return page_of(tokens.within_reach(request.access), page, order=NEWEST)


@router.post("/tokens", response={201: schemas.NewTokenOut}, tags=["API tokens"])
@api_rule(Permission.SETTINGS_VIEW)
def create_token(request: ApiRequest, payload: schemas.TokenIn) -> Any:
    """Make a token that acts as the caller. It is shown this once."""
    row, token = tokens.create(
        access=request.access,
        name=payload.name,
        scopes=list(payload.scopes),
        expires_in_days=payload.expires_in_days,
    )
    return Status(201, {"token": token, "details": row})


@router.delete("/tokens/{token_id}", response={204: None}, tags=["API tokens"])
@api_rule(Permission.SETTINGS_VIEW)
def revoke_token(request: ApiRequest, token_id: UUID) -> Any:
    """End a token at once."""
    tokens.revoke(access=request.access, token_id=token_id)
    return Status(204, None)


# --- Entitlements -------------------------------------------------------------------------------------


@router.get("/entitlements", response=PageOut[schemas.EntitlementOut], tags=["Entitlements"])
@api_rule(Permission.SETTINGS_VIEW, whole=True)
def list_entitlements(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Which provider serves which capability, for whom."""
    return page_of(selectors.entitlements(), page, order=("id",))


@router.post("/entitlements", response={201: schemas.EntitlementOut}, tags=["Entitlements"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def grant_entitlement(request: ApiRequest, payload: schemas.EntitlementIn) -> Any:
    """Grant a capability, or change the provider that serves it."""
    made: Entitlement = entitlements.grant(
        capability=payload.capability,
        provider=payload.provider,
        client_id=payload.client_id,
        actor=request.access.user,
    )
    return Status(201, made)


@router.delete("/entitlements/{entitlement_id}", response={204: None}, tags=["Entitlements"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def revoke_entitlement(request: ApiRequest, entitlement_id: UUID) -> Any:
    """Take a capability away."""
    entitlements.revoke(entitlement_id=entitlement_id, actor=request.access.user)
    return Status(204, None)


# --- Audit log ----------------------------------------------------------------------------------------


@router.get("/audit", response=PageOut[schemas.AuditOut], tags=["Audit log"])
@api_rule(Permission.SETTINGS_VIEW)
def list_audit(request: ApiRequest, page: Query[PageIn], filters: Query[schemas.AuditFilter]) -> Any:
    """Who did what, newest first."""
    rows = selectors.audit_log(request.access, **filters.dict())
    return page_of(rows, page, order=("-created_at", "-id"))
