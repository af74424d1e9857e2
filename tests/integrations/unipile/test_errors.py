"""Every error type of the fact sheet has a class; writes that may have gone out are never called failed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx

from integrations.errors import TRANSIENT_KINDS, Disposition, ErrorKind, ProviderError
from integrations.providers.unipile import errors
from integrations.providers.unipile.adapter import UnipileAdapter
from project.core.http import Redactor
from tests.integrations.unipile.payloads import ACCOUNT, LEAD

#: docs/providers/unipile.md, section 1: status -> types (without ``errors/``).
TYPES: dict[int, str] = {
    400: "invalid_parameters missing_parameters malformed_request content_too_large too_many_characters "
    "unescaped_characters invalid_url invalid_request",
    401: "missing_credentials disconnected_account disconnected_feature expired_credentials "
    "invalid_credentials insufficient_privileges multiple_sessions checkpoint_error "
    "invalid_checkpoint_solution captcha_not_supported expired_link wrong_account "
    "invalid_credentials_but_valid_account_imap invalid_proxy_credentials",
    403: "account_restricted account_mismatch insufficient_permissions session_mismatch "
    "feature_not_subscribed subscription_required unknown_authentication_context action_required "
    "resource_access_restricted",
    404: "resource_not_found invalid_resource_identifier",
    407: "proxy_auth_error",
    408: "request_timeout",
    409: "operation_canceled already_exists",
    415: "unsupported_media_type",
    422: "invalid_account invalid_recipient no_connection_with_recipient blocked_recipient user_unreachable "
    "unprocessable_entity action_already_performed invalid_message invalid_post not_allowed_inmail "
    "insufficient_credits cannot_resend_yet cannot_resend_within_24hrs limit_exceeded "
    "already_invited_recently cannot_invite_attendee cant_send_message realtime_client_not_initialized "
    "limit_too_high unauthorized parent_mail_not_found invalid_reply_subject invalid_headers "
    "send_as_denied invalid_folder invalid_thread sender_rejected recipient_rejected "
    "ip_rejected_by_server provider_unreachable account_configuration_error already_connected "
    "payment_error comments_disabled insufficient_job_slot",
    425: "auth_in_progress",
    429: "too_many_requests",
    500: "unexpected_error provider_error authentication_intent_error",
    501: "feature_not_implemented",
    502: "proxy_error",
    503: "no_client_session no_channel no_handler network_down service_unavailable",
    504: "request_timeout",
}
ALL = [(status, name) for status, names in TYPES.items() for name in names.split()]

#: The classes of the fact sheet, for a send.
CLASSES: dict[Disposition, str] = {
    Disposition.TREAT_AS_DONE: "already_connected already_invited_recently action_already_performed",
    Disposition.SKIP_LEAD: "invalid_recipient blocked_recipient user_unreachable cannot_invite_attendee "
    "not_allowed_inmail no_connection_with_recipient cannot_resend_within_24hrs resource_not_found "
    "invalid_resource_identifier",
    Disposition.PAUSE_ACTION: "limit_exceeded cannot_resend_yet too_many_requests insufficient_credits",
    Disposition.STOP_ACCOUNT: "disconnected_account expired_credentials invalid_credentials checkpoint_error "
    "multiple_sessions account_restricted action_required wrong_account",
    Disposition.FIX_CONNECTION: "missing_credentials subscription_required",
    Disposition.ASK_PROVIDER: "request_timeout unexpected_error provider_error no_client_session no_channel "
    "no_handler network_down service_unavailable",
    # A request that is wrong for one person must not stop the whole connection.
    Disposition.REPORT: "invalid_parameters too_many_characters content_too_large feature_not_subscribed",
}


def response(status: int, name: str, **headers: str) -> httpx.Response:
    body = {
        "status": status,
        "type": f"errors/{name}",
        "title": "A title",
        "detail": "You have reached a temporary provider limit. Please try again later.",
        "instance": "/api/v1/users/invite",
    }
    return httpx.Response(status, json=body, headers=headers)


def translate(answer: httpx.Response, **options: Any) -> ProviderError:
    return errors.from_response(answer, Redactor(), **options)


def test_the_table_is_complete() -> None:
    assert {name for _, name in ALL} == set(errors.RULES)


@pytest.mark.parametrize(("status", "name"), ALL)
def test_every_type_has_a_class_and_plain_words(status: int, name: str) -> None:
    error = translate(response(status, name))
    assert error.kind is not ErrorKind.UNKNOWN
    assert error.raw_type == f"errors/{name}"
    assert error.status == status
    assert error.message.endswith(".")
    assert "_" not in error.message
    assert "temporary provider limit" in error.detail
    assert error.transient == (error.kind in TRANSIENT_KINDS)


@pytest.mark.parametrize(("status", "name"), ALL)
def test_a_failed_send_is_never_transient_where_it_may_have_gone_out(status: int, name: str) -> None:
    error = translate(response(status, name), send=True)
    if status == 408 or (status >= 500 and status != 501):
        assert error.kind is ErrorKind.INDETERMINATE
        assert not error.transient
        assert error.if_not_sent is not None
    else:
        assert error.kind is not ErrorKind.INDETERMINATE


@pytest.mark.parametrize(
    ("disposition", "name"), [(where, name) for where, names in CLASSES.items() for name in names.split()]
)
def test_classes_of_the_fact_sheet(disposition: Disposition, name: str) -> None:
    status = next(status for status, known in ALL if known == name)
    assert translate(response(status, name), send=True).disposition is disposition


def test_already_done_says_what_is_done() -> None:
    assert translate(response(422, "already_connected")).already == "connected"
    assert translate(response(422, "already_invited_recently")).already == "invited"
    assert translate(response(422, "action_already_performed"), invitation=True).already == "invited"
    assert translate(response(422, "action_already_performed")).already == "done"


@pytest.mark.parametrize("name", ["limit_exceeded", "cannot_resend_yet", "too_many_requests"])
def test_limits_say_when_to_come_back(name: str) -> None:
    assert (translate(response(422, name)).retry_after or 0) >= 900
    assert translate(response(429, name, **{"Retry-After": "7"})).retry_after == 7


def test_type_without_prefix_and_new_types() -> None:
    bare = httpx.Response(422, json={"type": "already_connected", "title": "x", "status": 422})
    assert translate(bare).kind is ErrorKind.ALREADY_DONE
    assert translate(response(422, "something_new")).kind is ErrorKind.UNKNOWN
    assert translate(response(503, "something_new")).kind is ErrorKind.UNAVAILABLE
    assert translate(response(404, "something_new")).kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("status", "send", "kind"),
    [
        (502, False, ErrorKind.UNAVAILABLE),
        (502, True, ErrorKind.INDETERMINATE),
        (504, False, ErrorKind.TIMEOUT),
        (429, True, ErrorKind.RATE_LIMITED),
        (401, False, ErrorKind.AUTH),
        (404, False, ErrorKind.CONFIG),
        (301, False, ErrorKind.CONFIG),
        (418, False, ErrorKind.UNKNOWN),
    ],
)
def test_html_of_a_gateway(status: int, send: bool, kind: ErrorKind) -> None:
    answer = httpx.Response(status, html="<html><h1>502 Bad Gateway</h1></html>")
    assert translate(answer, send=send).kind is kind


@pytest.mark.parametrize("body", [b"[]", b"null", b"\xff", b'{"type": null}', b'{"type": 5, "detail": {}}'])
def test_odd_error_bodies(body: bytes) -> None:
    assert translate(httpx.Response(500, content=body)).kind is ErrorKind.UNAVAILABLE


def test_details_carry_no_secrets() -> None:
    answer = httpx.Response(
        401, json={"type": "errors/missing_credentials", "detail": "key token-123456 bad"}
    )
    error = errors.from_response(answer, Redactor(["token-123456"]))
    assert "token-123456" not in f"{error} {error.detail}"


@pytest.mark.parametrize(
    "failure", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError]
)
def test_a_send_that_breaks_off_is_indeterminate(
    api: respx.Router, adapter: UnipileAdapter, failure: type[httpx.TransportError]
) -> None:
    route = api.post("/users/invite").mock(side_effect=failure("gone"))
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    assert caught.value.kind is ErrorKind.INDETERMINATE
    assert caught.value.if_not_sent is ErrorKind.UNAVAILABLE
    assert route.call_count == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_a_send_without_connection_can_be_tried_again(
    api: respx.Router, adapter: UnipileAdapter, failure: type[httpx.TransportError]
) -> None:
    route = api.post("/users/invite").mock(side_effect=failure("no"))
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert route.call_count == 1


def test_an_accepted_send_with_an_unreadable_answer_is_indeterminate(
    api: respx.Router, adapter: UnipileAdapter
) -> None:
    api.post("/users/invite").respond(200, html="<html>ok</html>")
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    assert caught.value.kind is ErrorKind.INDETERMINATE


def test_reads_are_tried_again_then_time_out(api: respx.Router, adapter: UnipileAdapter) -> None:
    route = api.get("/accounts").mock(side_effect=httpx.ReadTimeout("slow"))
    with pytest.raises(ProviderError) as caught:
        adapter.list_accounts()
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert route.call_count == 3


def test_a_circuit_is_per_account(api: respx.Router, adapter: UnipileAdapter) -> None:
    api.post("/users/invite").mock(return_value=response(503, "network_down"))
    for _ in range(8):
        with pytest.raises(ProviderError):
            adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    # Nothing was sent, so it is safe to try again later.
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert caught.value.retry_after
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id="other", recipient_provider_id=LEAD)
    assert caught.value.kind is ErrorKind.INDETERMINATE


def test_a_private_address_typed_by_a_tenant_is_refused() -> None:
    adapter = UnipileAdapter(credentials={"api_key": "token-123456"}, base_url="http://127.0.0.1:9")
    with pytest.raises(ProviderError) as caught:
        adapter.send_invitation(account_id=ACCOUNT, recipient_provider_id=LEAD)
    assert caught.value.kind is ErrorKind.CONFIG


@pytest.mark.parametrize(
    ("credentials", "base_url", "kind"),
    [({}, "api8.unipile.test", ErrorKind.AUTH), ({"api_key": "token-123456"}, "", ErrorKind.CONFIG)],
)
def test_missing_settings_say_so(credentials: dict[str, str], base_url: str, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as caught:
        UnipileAdapter(credentials=credentials, base_url=base_url).get_account("a")
    assert caught.value.kind is kind
