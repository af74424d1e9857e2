"""An answer that is no list where a list was asked for: told, and never taken for an empty one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx
from pytest_django import Settings

from integrations import registry
from integrations.base import KeepsLeads, ListsAccounts, RunsCampaigns, require
from integrations.errors import ErrorKind, ProviderError

BASE = "https://provider.test/api"


@pytest.fixture(params=["smartlead", "emailbison", "heyreach"])
def adapter(request: pytest.FixtureRequest, settings: Settings) -> Any:
    settings.REQUEST_RATES = {}
    return registry.adapter_for(request.param, credentials={"api_key": "key-of-the-account"}, base_url=BASE)


@pytest.mark.parametrize(
    "answer", ['"Come back tomorrow"', "Come back tomorrow", '{"message": "Come back tomorrow"}', "7"]
)
def test_words_are_no_empty_list(adapter: Any, answer: str) -> None:
    lists = (
        require(adapter, RunsCampaigns).list_campaigns,
        require(adapter, ListsAccounts).list_accounts,
        lambda: require(adapter, KeepsLeads).list_leads("1001"),
    )
    for ask in lists:
        with respx.mock(assert_all_called=False) as router:
            router.route().mock(return_value=httpx.Response(200, text=answer))
            with pytest.raises(ProviderError) as caught:
                ask()
        assert caught.value.kind is ErrorKind.VALIDATION
        assert not caught.value.transient


@pytest.mark.parametrize("answer", ["", "[]", '{"data": []}'])
def test_an_empty_list_is_one(adapter: Any, answer: str) -> None:
    if adapter.kind == "heyreach":
        answer = answer.replace("data", "items")
    with respx.mock(assert_all_called=False) as router:
        router.route().mock(return_value=httpx.Response(200, text=answer))
        assert require(adapter, RunsCampaigns).list_campaigns().items == ()
