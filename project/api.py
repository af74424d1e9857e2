"""The JSON API ``/api/v1``: composes the routers of the rooms and gives every error one shape.

``{code, message, details}``: ``code`` is stable and in capitals, ``message`` one sentence for people, ``details``
facts for programs. Provider errors that pass by themselves answer 503 with ``Retry-After``, all others 502.
"""

from __future__ import annotations

import functools
import json
import math
from typing import Any

import structlog
import yaml
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.docs import DocsBase

from campaigns.api import router as campaigns_router
from inbox.api import router as inbox_router
from inbox.api_context import router as inbox_context_router
from inbox.api_macros import router as macros_router
from inbox.api_triage import router as triage_router
from inbox.api_writing import router as inbox_writing_router
from integrations.api import router as integrations_router
from integrations.api_identities import router as identities_router
from integrations.errors import ProviderError
from project.core.api_parsing import StorableParser
from project.core.pagination import InvalidCursor
from project.core.refusals import Refused, TooMany
from project.tenancy.access import public_view
from project.tenancy.api import router as tenancy_router
from reporting.api import router as reporting_router

log = structlog.get_logger(__name__)

PROVIDER_RETRY_SECONDS = 30

DESCRIPTION = """
Everything that the pages do. Send `Authorization: Bearer <token>` with an API token (Settings, API tokens) or with
the access token of `POST /auth/login`. Times are ISO 8601 in UTC, ids are strings.

**Lists** answer `{items, next_cursor}`; send `next_cursor` back as `cursor`. They span all clients within reach
unless `filter[client]` names one; `sort` and `order` (`asc`, `desc`) are offered where they make sense.
**Errors** answer `{code, message, details}`.
**Mutations** take an `Idempotency-Key` header: sent again within a day, they answer the same and do nothing.
**Quotas** are told by `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds).
"""


class _Docs(DocsBase):
    """Swagger UI from our own address: no script or style from elsewhere, none inline."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """Render the page; the description is fetched by its script."""
        return render(request, "tenancy/api_docs.html", {"openapi_url": reverse("api-v1:openapi-json")})


#: What the schema of the operations does not say by itself.
_COMPONENTS: dict[str, dict[str, Any]] = {
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "description": "API token or JWT access token"},
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        "organization": {"type": "apiKey", "in": "header", "name": "X-Organization"},
    },
    "schemas": {
        "Error": {
            "title": "Error",
            "description": "Why a request was not granted.",
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string", "description": "Stable, in capitals", "examples": ["NOT_FOUND"]},
                "message": {"type": "string", "description": "One sentence for people"},
                "details": {"type": "object", "description": "Facts for programs, by the code"},
            },
        }
    },
}


class _Api(NinjaAPI):
    """Adds to the description what ninja leaves out of its components."""

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """The description of the API."""
        schema = super().get_openapi_schema(**kwargs)
        for kind, found in _COMPONENTS.items():
            schema["components"][kind] = {**schema["components"].get(kind, {}), **found}
        return schema


api = _Api(
    title="Outbound Engine X",
    version="1.0.0",
    description=DESCRIPTION,
    urls_namespace="api-v1",
    openapi_url="openapi.json",
    docs_url="docs",
    docs=_Docs(),
    docs_decorator=public_view("describes the API, holds no data"),
    parser=StorableParser(),
)
api.add_router("", tenancy_router)
api.add_router("", integrations_router)
api.add_router("", identities_router)
api.add_router("", campaigns_router)
api.add_router("", inbox_router)
api.add_router("", inbox_writing_router)
api.add_router("", inbox_context_router)
api.add_router("", triage_router)
api.add_router("", macros_router)
api.add_router("", reporting_router)


def error_response(status: int, code: str, message: str, details: Any = None) -> HttpResponse:
    """Return the one shape of all errors."""
    body = json.dumps({"code": code, "message": message, "details": details or {}}, default=str)
    return HttpResponse(body, status=status, content_type="application/json")


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    response = error_response(error.status, error.code, error.message, error.details)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return error_response(403, "FORBIDDEN", str(error) or "You may not do this.")


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_response(404, "NOT_FOUND", str(error) or "There is nothing here, or it is not yours to see.")


@api.exception_handler(InvalidCursor)
def _bad_cursor(request: HttpRequest, error: InvalidCursor) -> HttpResponse:
    return error_response(400, "INVALID_CURSOR", str(error), {"field": "cursor"})


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields: dict[str, list[str]] = {}
    for problem in error.errors:
        # ("body", "<argument>", "email") names the field "email"; a missing body has no more than its argument.
        where = [str(step) for step in problem["loc"]]
        name = ".".join(where[2:] if where[0] in {"body", "form"} and len(where) > 2 else where[1:])
        fields.setdefault(name or where[0], []).append(str(problem["msg"]).removeprefix("Value error, "))
    first = next(iter(fields))
    return error_response(422, "VALIDATION_ERROR", f"{first}: {fields[first][0]}", {"fields": fields})


@api.exception_handler(DjangoValidationError)
def _invalid_model(request: HttpRequest, error: DjangoValidationError) -> HttpResponse:
    fields = error.message_dict if hasattr(error, "error_dict") else {}
    return error_response(
        422, "VALIDATION_ERROR", " ".join(error.messages), {"fields": fields} if fields else {}
    )


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return error_response(413, "TOO_LARGE", "The body is larger than is accepted here.")


@api.exception_handler(TooManyFieldsSent)
def _too_many_fields(request: HttpRequest, error: TooManyFieldsSent) -> HttpResponse:
    return error_response(413, "TOO_LARGE", "The form has more fields than are accepted.")


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = {400: "BAD_REQUEST", 401: "NOT_AUTHENTICATED", 403: "FORBIDDEN"}.get(error.status_code, "ERROR")
    return error_response(error.status_code, code, str(error))


@api.exception_handler(ProviderError)
def _provider_error(request: HttpRequest, error: ProviderError) -> HttpResponse:
    code = f"PROVIDER_{error.kind.upper()}"
    details = {"provider": error.provider, "kind": error.kind, "transient": error.transient}
    response = error_response(503 if error.transient else 502, code, error.message, details)
    if error.transient:
        response["Retry-After"] = str(math.ceil(error.retry_after or PROVIDER_RETRY_SECONDS))
    return response


@api.exception_handler(Exception)
def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    log.error("api.failed", path=request.path, exc_info=error)
    message = "This failed on our side; the request id finds it in the logs."
    return error_response(500, "INTERNAL_ERROR", message, {"request_id": request_id})


@functools.lru_cache(maxsize=2)
def _as_yaml(schema: str) -> str:
    return yaml.safe_dump(json.loads(schema), sort_keys=False, allow_unicode=True)


@public_view("describes the API, holds no data")
def openapi_yaml(request: HttpRequest) -> HttpResponse:
    """The description of the API as YAML."""
    return HttpResponse(_as_yaml(json.dumps(api.get_openapi_schema())), content_type="application/yaml")


urlpatterns = [path("openapi.yaml", openapi_yaml, name="api-openapi-yaml"), path("", api.urls)]
