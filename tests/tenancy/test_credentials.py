"""Turning the key of everything that is encrypted at rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from cryptography.fernet import Fernet
from django.core.management import call_command

from integrations.models import Connection
from project.core import crypto
from project.core.encrypted_columns import encrypted_columns
from tests.factories import Agency
from tests.rows import Rows

pytestmark = pytest.mark.django_db


def rotate(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    call_command("rotate_credentials", "--json", *options)
    columns = json.loads(capsys.readouterr().out.splitlines()[-1])["columns"]
    return {column["column"]: column for column in columns}


def test_everything_gets_the_newest_key_and_the_old_one_can_go(
    kestrel: Agency, rival: Agency, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for agency in (kestrel, rival):
        with agency.scope():
            Rows(agency, agency.first).fresh(Connection, credentials=crypto.encrypt({"api_key": agency.slug}))
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(kestrel.agent, secret)
    assert secret not in json.dumps(Authenticator.objects.get().data)
    new = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [new, *settings.CREDENTIAL_KEYS]
    assert rotate(capsys, "--dry-run")["integrations.Connection.credentials"]["rotated"] == 2
    done = rotate(capsys)
    assert done["integrations.Connection.credentials"]["rotated"] == 2
    assert done["mfa.Authenticator.data"]["rotated"] == 1
    settings.CREDENTIAL_KEYS = [new]
    for agency in (kestrel, rival):
        with agency.scope():
            assert crypto.decrypt(Connection.objects.get().credentials) == {"api_key": agency.slug}
    code = totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))
    assert Authenticator.objects.get().wrap().validate_code(code)


def test_what_no_key_opens_is_left_alone_and_said(
    kestrel: Agency, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with kestrel.scope():
        row = Rows(kestrel, kestrel.first).fresh(Connection, credentials=crypto.encrypt({"api_key": "x"}))
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SystemExit) as stopped:
        call_command("rotate_credentials")
    assert stopped.value.code == 1
    assert "1 unreadable" in capsys.readouterr().out
    with kestrel.scope():
        assert Connection.objects.get().credentials == row.credentials


def test_the_columns_that_hold_secrets_are_registered() -> None:
    assert {("integrations.Connection", "credentials"), ("tenancy.IdempotencyKey", "response")} <= set(
        encrypted_columns()
    )
