"""Whoever may see calls cannot make them: the proofs of outreach providers are in no page and no answer, and genuine
calls over our limit come again.
"""

from __future__ import annotations

import importlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client as Browser

from integrations.models import Connection, WebhookDelivery
from integrations.services import connections, intake_limits
from integrations.services.adapters import credentials_of
from integrations.webhook_filters import Filter
from project.core import crypto
from project.core.scoping import no_scope
from tests.integrations.conftest import Room
from tests.integrations.test_replay_pages import Api

PROVIDERS = ("smartlead", "emailbison", "heyreach")
OWN = "secret-that-smartlead-gave"


@pytest.fixture(params=PROVIDERS)
def outreach(request: Any, room: Room, settings: Any) -> Connection:
    for name in PROVIDERS:
        setattr(settings, f"{name.upper()}_BASE_URL", "http://127.0.0.1:9")
    more = {"signing_secret": OWN} if request.param == "smartlead" else {}
    with room.scope():
        return connections.create(
            provider=request.param, name="Outreach", credentials={"api_key": "key-of-outreach", **more}
        )


def called(outreach: Connection, room: Room, body: dict[str, Any], query: str = "") -> int:
    with no_scope():
        answer = Browser().post(
            f"/webhooks/{outreach.provider}/{outreach.key}?{query}",
            data=json.dumps(body),
            content_type="application/json",
        )
    return int(answer.status_code)


def token(outreach: Connection, room: Room) -> str:
    with room.scope():
        return str(credentials_of(outreach)["webhook_secret"])


def test_no_proof_of_origin_is_shown(outreach: Connection, room: Room, client: Browser) -> None:
    secret = token(outreach, room)
    body = {
        "event": "OTHER",
        "note": f"echoes {secret}",
        "secret_key": OWN,
        "kept": "The token: of our thanks",
    }
    assert called(outreach, room, body, f"a=1&token={secret}") == 200
    [delivery] = room.deliveries()
    assert delivery.headers["X-Called-Query"] == "a=1&token=[masked]"
    assert json.loads(bytes(delivery.body)) == body
    client.force_login(room.agency.ops)
    page = client.get(room.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode()
    answer = Api(room.agency, room.agency.ops).get(f"/webhook-deliveries/{delivery.id}")
    for shown in (page, answer.content.decode()):
        assert secret not in shown
        assert OWN not in shown
        assert "The token: of our thanks" in shown
    assert json.loads(answer.json()["body"])["secret_key"] == "[masked]"


def test_no_search_tells_what_is_masked(outreach: Connection, room: Room, client: Browser) -> None:
    secret = token(outreach, room)
    body = {
        "event": "OTHER",
        "note": f"echoes {secret} in words",
        "secret_key": OWN,
        "webhook_url": "https://app.test/hook?token=unknown-to-us-1&campaign=77",
        "nested": json.dumps({"api_token": "unknown-to-us-2", "kept": "visible words"}),
    }
    assert called(outreach, room, body, f"token={secret}") == 200
    api = Api(room.agency, room.agency.ops)

    def found(text: str) -> int:
        return len(api.get(f"/webhook-deliveries?text={quote(text)}").json()["items"])

    for shown in ("echoes", "in words", "campaign=77", "visible words", "secret_key", "OTHER"):
        assert found(shown) == 1, shown
    for hidden in (secret, secret[:9], f"echoes {secret[0]}", OWN, OWN[:8], f'"secret_key": "{OWN[0]}'):
        assert found(hidden) == 0, hidden
    for hidden in ("token=u", "unknown-to-us-1", "unknown-to-us-2"):
        assert found(hidden) == 0, hidden
    # Nor do the page, or somebody who has other clients only.
    client.force_login(room.agency.ops)
    page = client.get(room.agency.url(f"ops/webhooks/?text={secret[:9]}")).content.decode()
    assert str(room.deliveries()[0].id) not in page
    with room.scope():
        Connection.objects.filter(id=outreach.id).update(client_id=room.agency.second.id)
        rows = Filter(text="echoes").rows([room.agency.first.id])
        assert (rows.count(), Filter(text="echoes").rows([room.agency.second.id]).count()) == (0, 1)


def test_what_json_escapes_is_masked_as_a_whole(outreach: Connection, room: Room, client: Browser) -> None:
    """Slashes, letters and quotes may be escaped, in JSON within JSON too: neither page nor search tells the rest."""
    proof = "known/pröof+1"
    with room.scope():
        outreach.credentials = crypto.encrypt({**credentials_of(outreach), "webhook_secret": proof})
        outreach.save(update_fields=["credentials"])
    inner = json.dumps({"api_token": 'three"tail3\\', "kept": "seen3"}, ensure_ascii=False)
    written = json.dumps(proof)[1:-1].replace("/", "\\/").replace("+", "\\u002B")
    body = (
        '{"event": "OTHER", "api_token": "one\\/tail1", "kept": "seen1", "täst_token": "zwöi tail2", "end": "seen2",'
        f' "auth_token": "four\\\\", "more": "seen4", "nested": {json.dumps(inner, ensure_ascii=False)},'
        f' "nested_more": {json.dumps(json.dumps({"deep": inner}))}, "note": "echoes {written} in words"}}'
    )
    assert json.loads(body)["note"] == f"echoes {proof} in words"
    with no_scope():
        Browser().post(
            f"/webhooks/{outreach.provider}/{outreach.key}?{quote(f'token={proof}', safe='=')}",
            data=body.encode(),
            content_type="application/json",
        )
    api = Api(room.agency, room.agency.ops)

    def found(text: str) -> int:
        return len(api.get(f"/webhook-deliveries?text={quote(text)}").json()["items"])

    for shown in ("seen1", "seen2", "seen3", "seen4", "echoes", "in words"):
        assert found(shown) == 1, shown
    for hidden in (
        "one",
        "tail1",
        "zw",
        "tail2",
        "three",
        "tail3",
        "four",
        proof,
        "known",
        "of+1",
        "u002B1",
        "pr\\u00f6",
    ):
        assert found(hidden) == 0, hidden
    [delivery] = room.deliveries()
    client.force_login(room.agency.ops)
    page = client.get(room.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode()
    answer = api.get(f"/webhook-deliveries/{delivery.id}").content.decode()
    for told in (page, answer):
        assert "in words" in told
        assert [word for word in ("tail1", "tail2", "known", "of+1", "u002B1") if word in told] == []


def test_stored_queries_are_cleaned(outreach: Connection, room: Room) -> None:
    called(outreach, room, {"event": "OTHER"}, f"token={token(outreach, room)}")
    with room.scope():
        for query in ("a=1&token=plain-secret&b=2", "send_id=abc"):
            row = WebhookDelivery.objects.get()
            row.headers["X-Called-Query"] = query
            row.save(update_fields=["headers"])
            with database.schema_editor() as editor:
                importlib.import_module("integrations.migrations.0017_queries_without_secrets").mask(
                    apps, editor
                )
            kept = WebhookDelivery.objects.get().headers["X-Called-Query"]
            assert kept == query.replace("plain-secret", "[masked]")


def test_genuine_calls_over_the_limit_come_again(outreach: Connection, room: Room, settings: Any) -> None:
    settings.WEBHOOKS_PER_MINUTE = 1
    intake_limits._local.clear()
    query = f"token={token(outreach, room)}"
    answers = [called(outreach, room, {"event": "OTHER", "id": number}, query) for number in range(3)]
    # Smartlead gives up on 4xx, EmailBison says nothing; HeyReach comes again for a day whatever the answer.
    put_off = 429 if outreach.provider == "heyreach" else 503
    assert answers == [200, put_off, put_off]
