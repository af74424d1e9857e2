"""Who calls the JSON API, and the rule that every operation must carry.

Three ways in, one ``Access``: an API token or a JWT as ``Authorization: Bearer ...`` (both know their organization),
or the session of the browser with CSRF token and ``X-Organization: <slug>``. ``@api_rule(Permission.X)`` below the
route decorator authenticates, counts the call, checks the right, enters the organization's scope and handles
``Idempotency-Key``; the operation then reads ``request.access``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja.operation import Operation
from ninja.utils import check_csrf, contribute_operation_callback

from project.core.quotas import Quota, spend
from project.core.refusals import BadRequest, NotAllowed, NotSignedIn, Refused, TooMany
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.access import SIGNED_IN, SUPERADMIN, Access, Permission, access_for
from project.tenancy.idempotency import answer_once
from project.tenancy.middleware import client_address, resolve_access
from project.tenancy.models import User
from project.tenancy.services import sign_in, tokens

F = TypeVar("F", bound=Callable[..., Any])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_TYPES = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")


class ApiRequest(HttpRequest):
    """A request as an operation sees it: ``access`` is set by every rule that needs an organization."""

    access: Access
    caller: Caller


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling and how: ``kind`` is ``token``, ``jwt`` or ``session``; ``key`` counts the calls."""

    user: User
    kind: str
    key: str
    #: Known at once for tokens and JWTs; by header for sessions.
    access: Access | None = None


def authenticate(request: HttpRequest) -> Caller:
    """Return who is calling. Raises ``NotSignedIn``, ``NotAllowed`` (CSRF)."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return (
            _by_token(credential.strip())
            if credential.startswith(tokens.PREFIX)
            else _by_jwt(credential.strip())
        )
    if scheme:
        raise NotSignedIn("Send Authorization: Bearer and a token.", code="TOKEN_INVALID")
    return _by_session(request)


def _by_token(credential: str) -> Caller:
    row = tokens.find(credential)
    if row is None:
        raise NotSignedIn("The token is unknown, expired or revoked.", code="TOKEN_INVALID")
    with platform_scope("authenticate an API token"):
        access = access_for(row.user, row.organization)
    if access is None:
        raise NotSignedIn("The owner of the token is no longer a member.", code="TOKEN_REVOKED")
    read_only = "write" not in row.scopes
    narrowed = Access(access.user, access.organization, access.role, access.client_ids, read_only=read_only)
    return Caller(row.user, "token", f"token:{row.id}", narrowed)


def _by_jwt(credential: str) -> Caller:
    access = sign_in.access_of_token(credential)
    return Caller(access.user, "jwt", f"user:{access.user.id}", access)


def _by_session(request: HttpRequest) -> Caller:
    if not isinstance(request.user, User) and not request.user.is_authenticated:
        raise NotSignedIn("Sign in, or send Authorization: Bearer and a token.")
    if request.method not in SAFE_METHODS and check_csrf(request) is not None:
        raise NotAllowed("The CSRF token is missing or wrong.", code="CSRF_FAILED")
    user: Any = request.user
    return Caller(user, "session", f"user:{user.id}")


def _organization_access(request: HttpRequest, caller: Caller) -> Access:
    if caller.access is not None:
        return caller.access
    slug = request.headers.get("X-Organization", "")
    if not slug:
        raise BadRequest(
            "Say which organization with the header X-Organization.", code="ORGANIZATION_REQUIRED"
        )
    access = resolve_access(caller.user, slug, session=request.session)
    if access is None:
        raise Http404("There is no such organization, or you are not a member of it.")
    return access


@dataclass(frozen=True, slots=True)
class _Rule:
    """What an operation demands: a permission, ``SUPERADMIN``, ``SIGNED_IN``, or ``public: reason``."""

    demand: str
    whole: bool = False

    @property
    def is_public(self) -> bool:
        return self.demand.startswith("public: ")

    def enter(self, request: Any, stack: ExitStack) -> None:
        """Check the rule for the request and enter the scope it works in."""
        if self.is_public:
            return
        caller = request.caller
        if self.demand == SUPERADMIN:
            if not caller.user.is_superadmin or caller.kind == "token":
                raise Http404("There is nothing here, or it is not yours to see.")
            return
        if self.demand == SIGNED_IN:
            request.access = caller.access
            return
        access = _organization_access(request, caller)
        access.require(Permission(self.demand))
        if self.whole:
            access.require_whole_organization()
        if access.read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied("This token may only read.")
        request.access, request.organization = access, access.organization
        structlog.contextvars.bind_contextvars(
            organization=access.organization.slug, user_id=str(access.user.id)
        )
        stack.enter_context(organization_scope(access.organization.id))
        stack.enter_context(audit.impersonated_by(access.impersonator))


def api_rule(permission: Permission, *, whole: bool = False) -> Callable[[F], F]:
    """Demand a right of the caller in an organization; ``whole`` refuses memberships limited to some clients."""
    return _ruled(_Rule(permission, whole))


def api_superadmin(function: F) -> F:
    """Demand platform staff, by session or JWT; everybody else gets 404."""
    return _ruled(_Rule(SUPERADMIN))(function)


def api_signed_in(function: F) -> F:
    """Demand somebody; ``request.access`` is ``None`` for sessions."""
    return _ruled(_Rule(SIGNED_IN))(function)


def api_public(reason: str) -> Callable[[F], F]:
    """Demand nothing, for the reason that the authorization matrix prints."""
    return _ruled(_Rule(f"public: {reason}"))


def _ruled(rule: _Rule) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        function.access_rule = rule.demand  # type: ignore[attr-defined]
        function.access_whole = rule.whole  # type: ignore[attr-defined]
        contribute_operation_callback(function, functools.partial(_guard, rule))
        return function

    return decorate


def _guard(rule: _Rule, operation: Operation) -> None:
    """Wrap an operation, in the way ninja's ``decorate_view`` does, so that clones of it are wrapped too."""
    if operation.is_async:
        raise TypeError(f"{operation.view_func.__name__} must not be async: its rule runs in its thread.")
    decorators: list[Callable[..., Any]] = operation.__dict__.setdefault("_run_decorators", [])
    decorate = functools.partial(_guarded, rule)
    operation.run = decorate(operation.run)  # type: ignore[method-assign]
    decorators.append(decorate)
    operation.openapi_extra = {**_documentation(rule), **(operation.openapi_extra or {})}


#: What every operation may answer beside what it promises; ``project.api`` describes ``Error``.
_ERRORS = {
    "default": {
        "description": "Refused, or failed",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
}


def _documentation(rule: _Rule) -> dict[str, Any]:
    if rule.is_public:
        return {"security": [], "responses": _ERRORS}
    security: list[dict[str, list[str]]] = [{"bearer": []}, {"session": [], "organization": []}]
    return {"security": security, "x-permission": str(rule.demand), "responses": _ERRORS}


def _guarded(rule: _Rule, run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def guarded(request: Any, **kwargs: Any) -> Any:
        operation: Operation = run.__self__  # type: ignore[attr-defined]
        quota: Quota | None = None
        try:
            with ExitStack() as stack:
                structlog.contextvars.bind_contextvars(ip=client_address(request))
                _check_body_type(request)
                quota = _count(request, rule)
                rule.enter(request, stack)
                response = answer_once(request, lambda: run(request, **kwargs))
        except Exception as error:  # noqa: BLE001 - the API's handlers answer every error in one shape
            quota = error.quota if isinstance(error, _Exceeded) else quota
            response = operation.api.on_exception(request, error)
        return _with_headers(response, quota)

    return guarded


def _check_body_type(request: HttpRequest) -> None:
    kind = request.content_type or ""
    if request.method in SAFE_METHODS or not int(request.META.get("CONTENT_LENGTH") or 0):
        return
    if kind not in _BODY_TYPES and not kind.endswith("+json"):
        raise _UnsupportedBody(f"Send JSON, not {kind or 'an unnamed type'}.")


class _UnsupportedBody(Refused):
    """The body is of a type that no operation reads (415)."""

    status = 415
    default_code = "UNSUPPORTED_MEDIA_TYPE"


def _count(request: Any, rule: _Rule) -> Quota:
    """Authenticate (unless the operation is public) and count the call. Raises ``TooMany``."""
    if rule.is_public:
        key, limit = f"address:{client_address(request)}", settings.API_PUBLIC_REQUESTS_PER_MINUTE
    else:
        request.caller = authenticate(request)
        key, limit = request.caller.key, settings.API_REQUESTS_PER_MINUTE
    quota = spend(f"api:{key}", limit=limit)
    if quota.exceeded:
        raise _Exceeded(quota)
    return quota


class _Exceeded(TooMany):
    """The caller's quota for this minute is spent; carries it for the headers."""

    def __init__(self, quota: Quota) -> None:
        super().__init__(
            f"More than {quota.limit} calls in a minute.", retry_after=quota.reset, limit=quota.limit
        )
        self.quota = quota


def _with_headers(response: HttpResponse, quota: Quota | None) -> HttpResponse:
    if quota is not None:
        response["X-RateLimit-Limit"] = str(quota.limit)
        response["X-RateLimit-Remaining"] = str(quota.remaining)
        response["X-RateLimit-Reset"] = str(quota.reset)
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        response["X-Request-ID"] = str(request_id)
    return response
