"""Signing in to the JSON API with JSON Web Tokens (mission T4).

An access token (HS256, 15 minutes) names the user, one organization and the user's token version; a refresh token
is good for one exchange. Presenting a spent refresh token means that somebody else has it: the whole family ends.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from allauth.account.adapter import get_adapter
from allauth.core import context as allauth_context
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from project.core.clock import now
from project.core.refusals import BadRequest, NotSignedIn, TooMany
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import Access, access_for
from project.tenancy.models import Membership, Organization, RefreshToken, User

ALGORITHM = "HS256"
_ISSUER = "outbound-engine-x"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair of tokens; ``expires_in`` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    organization: Organization


class SecondFactorRequired(NotSignedIn):
    """The password was right; the person also has a second factor and sent no code."""

    default_code = "SECOND_FACTOR_REQUIRED"


def log_in(
    *, request: HttpRequest, email: str, password: str, code: str = "", organization_slug: str = ""
) -> Tokens:
    """Check e-mail, password and second factor; return tokens for one organization.

    The organization may be left out by people who have just one. Failed tries count against the same limits as on
    the sign-in page. Raises ``NotSignedIn``, ``SecondFactorRequired``, ``TooMany``, ``BadRequest``.
    """
    with allauth_context.request_context(request):
        user = _check_password(request, email.strip().lower(), password)
        _check_second_factor(user, code)
    access = _choose_organization(user, organization_slug)
    with transaction.atomic(), platform_scope("sign in"), organization_scope(access.organization.id):
        audit.record(actor=user, action="session.api_login", subject=user)
        return _issue(user, access.organization, family=uuid.uuid4())


def _check_password(request: HttpRequest, email: str, password: str) -> User:
    try:
        user = get_adapter().authenticate(request, email=email, password=password)
    except ValidationError as error:
        raise TooMany("Too many failed tries. Wait a few minutes.", retry_after=300) from error
    if user is None or not user.is_active:
        raise NotSignedIn("E-mail address or password is wrong.", code="BAD_CREDENTIALS")
    found: User = user
    return found


def _check_second_factor(user: User, code: str) -> None:
    factors = list(Authenticator.objects.filter(user_id=user.id))
    if not factors:
        return
    answerable = [
        f for f in factors if f.type in {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}
    ]
    if not answerable:
        raise NotSignedIn(
            "You sign in with a passkey; make an API token instead.", code="SECOND_FACTOR_UNSUPPORTED"
        )
    if not code:
        raise SecondFactorRequired("Send the code of your authenticator app as code.")
    if not any(factor.wrap().validate_code(code.strip()) for factor in answerable):
        raise NotSignedIn("The code is wrong or was used already.", code="BAD_CODE")


def _choose_organization(user: User, slug: str) -> Access:
    with platform_scope("choose the organization of a sign-in"):
        if slug:
            organization = Organization.objects.filter(slug=slug).first()
            access = access_for(user, organization) if organization else None
            if access is None:
                raise NotSignedIn("You are not a member of that organization.", code="NOT_A_MEMBER")
            return access
        ids = Membership.objects.filter(user=user, is_active=True).values_list("organization_id", flat=True)
        choices = list(Organization.objects.filter(id__in=list(ids), is_active=True).order_by("slug"))
        access = access_for(user, choices[0]) if len(choices) == 1 else None
    if access is None:
        raise BadRequest(
            "Say which organization.",
            code="ORGANIZATION_REQUIRED",
            organizations=[organization.slug for organization in choices],
        )
    return access


def _encode(claims: dict[str, Any], *, seconds: int) -> str:
    moment = now()
    standard = {"iss": _ISSUER, "iat": moment, "exp": moment + timedelta(seconds=seconds)}
    return jwt.encode({**claims, **standard}, _signing_key(), algorithm=ALGORITHM)


def _signing_key() -> bytes:
    return salted_hmac("tenancy.jwt", "signing key", algorithm="sha256").digest()


def _decode(token: str, kind: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _signing_key(),
            algorithms=[ALGORITHM],
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub", "org", "jti"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise NotSignedIn("The token has expired.", code="TOKEN_EXPIRED") from error
    except jwt.InvalidTokenError as error:
        raise NotSignedIn("The token is not valid.", code="TOKEN_INVALID") from error
    if claims.get("kind") != kind:
        raise NotSignedIn(f"This is not an {kind} token.", code="TOKEN_INVALID")
    return claims


def _issue(user: User, organization: Organization, *, family: UUID) -> Tokens:
    refresh = RefreshToken.objects.create(
        id=uuid.uuid4(),
        user=user,
        organization=organization,
        family=family,
        expires_at=now() + timedelta(seconds=settings.JWT_REFRESH_SECONDS),
    )
    about = {"sub": str(user.id), "org": str(organization.id), "ver": user.token_version, "fam": str(family)}
    return Tokens(
        access_token=_encode(
            {**about, "kind": "access", "jti": uuid.uuid4().hex}, seconds=settings.JWT_ACCESS_SECONDS
        ),
        refresh_token=_encode(
            {**about, "kind": "refresh", "jti": refresh.id.hex}, seconds=settings.JWT_REFRESH_SECONDS
        ),
        expires_in=settings.JWT_ACCESS_SECONDS,
        organization=organization,
    )


def _person_of(claims: dict[str, Any]) -> tuple[User, Organization]:
    user = User.objects.filter(id=claims["sub"], is_active=True, token_version=claims.get("ver", -1)).first()
    organization = Organization.objects.filter(id=claims["org"]).first()
    if user is None or organization is None:
        raise NotSignedIn("The token was withdrawn.", code="TOKEN_REVOKED")
    return user, organization


def access_of_token(token: str) -> Access:
    """Return the access that an access token stands for, checked against the membership of this moment.

    Raises ``NotSignedIn``.
    """
    user, organization = _person_of(_decode(token, "access"))
    with platform_scope("authenticate a JWT"):
        access = access_for(user, organization)
    if access is None:
        raise NotSignedIn("You are no longer a member of that organization.", code="TOKEN_REVOKED")
    return access


def refresh(*, token: str) -> Tokens:
    """Exchange a refresh token for a new pair. Raises ``NotSignedIn``; a spent token ends its whole family."""
    claims = _decode(token, "refresh")
    user, organization = _person_of(claims)
    with platform_scope("refresh a JWT"):
        if access_for(user, organization) is None:
            raise NotSignedIn("You are no longer a member of that organization.", code="TOKEN_REVOKED")
    family = UUID(claims["fam"])
    with transaction.atomic():
        rows = RefreshToken.objects.filter(id=UUID(claims["jti"]), spent_at=None, expires_at__gt=now())
        # One of two exchanges at once wins the row; the other is a reuse.
        if rows.update(spent_at=now()):
            return _issue(user, organization, family=family)
    _end_family(family, user, organization)
    raise NotSignedIn("This refresh token was used before; sign in again.", code="TOKEN_REUSED")


@transaction.atomic
def _end_family(family: UUID, user: User, organization: Organization) -> None:
    ended = RefreshToken.objects.filter(family=family, spent_at=None).update(spent_at=now())
    with platform_scope("end a family of tokens"), organization_scope(organization.id):
        audit.record(actor=user, action="session.token_reused", subject=user, ended=ended)


def log_out(*, token: str) -> None:
    """End the family of a refresh token. A token that is no longer any good is fine too."""
    try:
        claims = _decode(token, "refresh")
    except NotSignedIn:
        return
    RefreshToken.objects.filter(family=UUID(claims["fam"]), spent_at=None).update(spent_at=now())


@transaction.atomic
def withdraw_tokens(*, user: User) -> None:
    """Make every JWT of a person worthless at once (password changed, account taken back)."""
    User.objects.filter(id=user.id).update(token_version=models.F("token_version") + 1)
    RefreshToken.objects.filter(user=user, spent_at=None).update(spent_at=now())
