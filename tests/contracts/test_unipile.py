"""The contract for Unipile, against hand-written payloads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import respx

from integrations import registry
from tests.contracts.base import AdapterContract, Outside, WebhookFixtures
from tests.contracts.mocked_unipile import CHAT, INVITED, STRANGER, TOKEN, MockedUnipile
from tests.integrations.unipile.payloads import ACCOUNT, API, DSN, LEAD, SELF


class TestUnipileFixtures(WebhookFixtures):
    """What Unipile sends us."""

    kind = "unipile"


class TestUnipile(AdapterContract):
    """What Unipile answers us."""

    kind = "unipile"

    @pytest.fixture
    def outside(self) -> Iterator[Outside]:
        with respx.mock(assert_all_called=False) as router:
            router.route(url__startswith=API).mock(side_effect=MockedUnipile())
            yield Outside(
                adapter=registry.adapter_for(
                    "unipile", credentials={"api_key": TOKEN}, base_url=DSN, connection_id="mocked"
                ),
                wrong_adapter=registry.adapter_for(
                    "unipile", credentials={"api_key": "wrong-token"}, base_url=DSN, connection_id="wrong"
                ),
                account_id=ACCOUNT,
                own_user_id=SELF,
                stranger=STRANGER,
                invited=INVITED,
                connected=LEAD,
                connected_slug="tomas-weil",
                chat_id=CHAT,
                their_text="Sounds good, send details",
            )
