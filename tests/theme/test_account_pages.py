"""Account pages of allauth wear the design: each answers, has one heading, unique ids and nothing inline."""

from __future__ import annotations

from collections import Counter

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.urls import reverse

from project.tenancy.models import User
from tests.factories import PASSWORD, Agency
from tests.theme.test_marks import parse

pytestmark = pytest.mark.django_db

SIGNED_OUT = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
SIGNED_IN = [
    "account_change_password",
    "account_logout",
    "account_email",
    "mfa_index",
    "mfa_list_webauthn",
    "usersessions_list",
]
FRESH = ["mfa_activate_totp", "mfa_add_webauthn"]


def check(html: str) -> None:
    parsed = parse(html)
    assert [name for name, count in Counter(parsed.ids).items() if count > 1] == []
    assert parsed.styles == []
    assert html.count("<h1") == 1
    assert 'class="entrance"' in html


def sign_in(client: Client, user: User) -> None:
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content


def prove_again(client: Client) -> None:
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("name", SIGNED_OUT)
def test_signed_out(client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    check(answer.content.decode())


@pytest.mark.parametrize("name", SIGNED_IN)
def test_signed_in(client: Client, kestrel: Agency, name: str) -> None:
    sign_in(client, kestrel.agent)
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    check(answer.content.decode())


@pytest.mark.parametrize("name", FRESH)
def test_what_asks_for_the_password_again(client: Client, kestrel: Agency, name: str) -> None:
    sign_in(client, kestrel.agent)
    check(client.get(reverse(name), follow=True).content.decode())
    prove_again(client)
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    check(answer.content.decode())


def test_a_wrong_password_is_said_at_the_field_and_keeps_the_address(client: Client, kestrel: Agency) -> None:
    answer = client.post(reverse("account_login"), {"login": kestrel.agent.email, "password": "wrong"})
    html = answer.content.decode()
    check(html)
    assert f'value="{kestrel.agent.email}"' in html
    assert 'aria-describedby="login-error"' in html
    assert "E-mail or password is wrong." in html
    assert 'value="wrong"' not in html


def test_the_second_step_and_its_pages(client: Client, kestrel: Agency) -> None:
    user = kestrel.agent
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    html = answer.content.decode()
    check(html)
    assert 'autocomplete="one-time-code"' in html
    refused = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    check(refused.content.decode())
    assert 'aria-describedby="code-error code-hint"' in refused.content.decode()

    code = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    again = client.get(reverse("mfa_reauthenticate"))
    check(again.content.decode())
    recovery = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    spare = recovery.wrap().get_unused_codes()[0]
    assert client.post(reverse("mfa_reauthenticate"), {"code": spare}).status_code == 302
    for name in (
        "mfa_index",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_deactivate_totp",
    ):
        page = client.get(reverse(name))
        assert page.status_code == 200, name
        check(page.content.decode())
    assert Authenticator.objects.filter(user=user).count() == 2
