"""No provider is registered without a contract and recorded calls."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import get_type_hints

import pytest

from integrations import registry
from integrations.base import PROTOCOLS, Capability
from integrations.declaring import Provider
from tests.contracts.base import AdapterContract, WebhookFixtures
from tests.contracts.fixtures import fixtures_of

HERE = Path(__file__).parent


def subclasses(base: type[AdapterContract] | type[WebhookFixtures]) -> set[str]:
    """Return the kinds that have a test class of ``base`` in this folder."""
    found: set[str] = set()
    for path in HERE.glob("test_*.py"):
        module = importlib.import_module(f"tests.contracts.{path.stem}")
        found |= {
            value.kind
            for name, value in vars(module).items()
            if name.startswith("Test") and isinstance(value, type) and issubclass(value, base)
        }
    return found


@pytest.mark.parametrize("provider", registry.providers(), ids=lambda provider: provider.kind)
def test_every_provider_has_a_contract_and_fixtures(provider: Provider) -> None:
    assert provider.kind in subclasses(AdapterContract)
    if Capability.RECEIVES_WEBHOOKS in provider.capabilities:
        assert provider.kind in subclasses(WebhookFixtures)
        assert fixtures_of(provider.kind)
    assert provider.credential_fields
    assert provider.label
    assert provider.icon
    assert provider.channels


def test_every_capability_has_a_protocol() -> None:
    assert set(PROTOCOLS) == set(Capability)
    for protocol in PROTOCOLS.values():
        methods = [name for name in vars(protocol) if not name.startswith("_")]
        assert methods
        for name in methods:
            assert "return" in get_type_hints(getattr(protocol, name))


def test_fixture_folders_belong_to_providers() -> None:
    folders = {path.name for path in (HERE / "fixtures").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders <= {provider.kind for provider in registry.providers()}


def test_unknown_providers_are_told() -> None:
    with pytest.raises(registry.UnknownProviderError):
        registry.adapter_for("carrier-pigeon", credentials={})
