"""Addresses: what is known without writing, remembered, and done about it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client as Browser
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from campaigns.imports.mapping import RowDraft
from campaigns.models import AddressCheck, LeadImport, OutreachPolicy
from campaigns.services import addresses, imports
from campaigns.validation import Servers, is_written_well, judge, servers_of
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection
from integrations.values import AddressVerdict
from project.core.clock import now
from tests.campaigns.channels import Post, post
from tests.killing import Killed

__all__ = ["post"]


class Answers:
    """A name service that knows some domains and counts the questions."""

    def __init__(self, known: dict[str, Servers] | None = None, default: Servers = Servers.THERE) -> None:
        self.known, self.default = known or {}, default
        self.asked: list[str] = []

    def servers(self, domain: str) -> Servers:
        self.asked.append(domain)
        return self.known.get(domain, self.default)


@pytest.mark.parametrize(
    ("address", "servers", "verdict", "reasons"),
    [
        ("ada@kestrel.test", Servers.THERE, "valid", ()),
        ("ada@kestrel.test", Servers.UNKNOWN, "valid", ()),
        ("ada@kestrel.test", Servers.NONE, "invalid", ("no_mx",)),
        ("no at sign", Servers.THERE, "invalid", ("syntax",)),
        ("a..b@kestrel.test", Servers.THERE, "invalid", ("syntax",)),
        ("info@kestrel.test", Servers.THERE, "risky", ("role",)),
        ("ada@mailinator.com", Servers.THERE, "risky", ("disposable",)),
        ("ada@outlok.com", Servers.THERE, "risky", ("typo",)),
    ],
)
def test_verdicts(address: str, servers: Servers, verdict: str, reasons: tuple[str, ...]) -> None:
    found = judge(address, servers)
    assert (found.verdict, found.reasons) == (verdict, reasons)


def test_a_misspelt_domain_is_named() -> None:
    assert judge("ada@outlok.com").suggestion == "ada@outlook.com"
    assert judge("ada@gmail.com").suggestion == ""


@given(st.text(max_size=80))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert judge(text).verdict in {"valid", "risky", "invalid"}


_NAMES = st.text(alphabet="abyz09AZ._-+!#'*/=?^`{|}~%&$@ \"()<>,;:é\n", max_size=70)
_DOMAINS = st.one_of(
    st.text(alphabet="axn0-.é", max_size=20),
    st.sampled_from(
        [
            "kestrel.test",
            "test",
            "a.localhost",
            "xn--bcher-kva.example.com",
            "1.2",
            "a..com",
            "-a.com",
            "ab--c.com",
        ]
    ),
    st.builds(
        lambda label, count: ".".join([label] * count),
        st.text("ab", min_size=1, max_size=66),
        st.integers(1, 90),
    ),
)


@given(_NAMES, _DOMAINS)
def test_what_is_remembered_about_domains_says_what_the_library_says(name: str, domain: str) -> None:
    address = f"{name}@{domain}"
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
        expected = True
    except EmailNotValidError:
        expected = False
    assert is_written_well(address) is expected


def test_a_network_that_is_gone_is_not_asked_for_ever() -> None:
    dead = Answers(default=Servers.UNKNOWN)
    found = servers_of([f"d{number}.test" for number in range(500)], dead)
    assert len(found) == 500
    assert len(dead.asked) < 100


pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clean(clean_redis: Any) -> None:
    """Domains are remembered in the cache."""


def test_each_address_is_asked_about_once(post: Post, time_machine: Any) -> None:
    client = post.agency.first.id
    ask = Answers({"gone.test": Servers.NONE})
    wanted = ["a@fine.test", "b@fine.test", "c@gone.test"]
    found = addresses.check_many(wanted, client_id=client, ask=ask)
    assert {address: verdict.verdict for address, verdict in found.items()} == {
        "a@fine.test": "valid", "b@fine.test": "valid", "c@gone.test": "invalid",
    }  # fmt: skip
    assert sorted(ask.asked) == ["fine.test", "gone.test"]
    addresses.check_many(wanted, client_id=client, ask=ask)
    assert len(ask.asked) == 2
    time_machine.move_to(now() + timedelta(days=31), tick=False)
    addresses.check_many(wanted, client_id=client, ask=ask)
    assert AddressCheck.objects.count() == 3


def test_what_could_not_be_found_out_is_asked_again_soon(post: Post) -> None:
    addresses.check_many(
        ["a@slow.test"], client_id=post.agency.first.id, ask=Answers(default=Servers.UNKNOWN)
    )
    assert AddressCheck.objects.get().expires_at == now() + timedelta(days=1)


class Judge:
    """A provider's validation."""

    def __init__(self, error: ProviderError | None = None) -> None:
        self.asked: list[str] = []
        self.error = error

    def validate_email(self, address: str) -> AddressVerdict:
        self.asked.append(address)
        if self.error is not None:
            raise self.error
        return AddressVerdict(address=address, verdict="risky", reasons=("has_known_bounces",), score=0.3)


@pytest.fixture
def provider(post: Post, monkeypatch: pytest.MonkeyPatch) -> Judge:
    judge_of = Judge()
    monkeypatch.setattr(addresses, "adapter_of", lambda connection: judge_of)
    return judge_of


def test_a_connection_that_validates_is_asked_first(post: Post, provider: Judge) -> None:
    assert Connection.objects.filter(provider="sendgrid", status="ok").exists()
    found = addresses.check_many(
        ["a@fine.test", "b@gone.test"],
        client_id=post.agency.first.id,
        ask=Answers({"gone.test": Servers.NONE}),
    )
    assert provider.asked == ["a@fine.test"]  # nobody pays for the hopeless
    assert found["a@fine.test"].reasons == ("has_known_bounces",)
    assert AddressCheck.objects.get(address="a@fine.test").source == "sendgrid"


def test_an_import_asks_a_paid_service_as_often_as_somebody_chose(post: Post, provider: Judge) -> None:
    lead_import = LeadImport.objects.create(client=post.agency.first, file_name="a.csv")
    OutreachPolicy.objects.update(address_policy="warn")
    for wanted in (0, 1):
        AddressCheck.objects.all().delete()
        imports.check_addresses(lead_import, rows(), ["create"] * 3, addresses.Paid(left=wanted))
        assert len(provider.asked) == wanted


@pytest.fixture
def paying(
    post: Post, provider: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any
) -> LeadImport:
    """An import of five addresses, of which three may be checked for money."""
    settings.MEDIA_ROOT = tmp_path
    OutreachPolicy.objects.update(address_policy="warn")
    monkeypatch.setattr(addresses, "resolver", Answers)
    text = "E-mail\n" + "".join(f"{name}@fine.test\n" for name in "abcde")
    file = SimpleUploadedFile("a.csv", text.encode(), content_type="text/csv")
    made = imports.upload(client=post.agency.first, actor=post.agency.manager, upload=file)
    imports.set_mapping(lead_import=made, mapping=made.mapping, actor=post.agency.manager, paid_checks=3)
    return made


def _again(made: LeadImport) -> LeadImport:
    """Let the next worker have the import, as after a pause or the end of a lease."""
    LeadImport.objects.filter(id=made.id).update(claimed_until=None)
    return made.refreshed()


def test_an_import_that_breaks_asks_no_more_than_was_chosen_and_pays_for_nobody_twice(
    post: Post, provider: Judge, paying: LeadImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(address: str) -> AddressVerdict:
        provider.asked.append(address)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(
            provider,
            "validate_email",
            lambda a: killed(a) if provider.asked else Judge.validate_email(provider, a),
        )
        with pytest.raises(Killed):
            imports.work(import_id=paying.id)
    assert _again(paying).state == "previewing"
    imports.work(import_id=paying.id)
    found = paying.refreshed()
    assert (found.state, found.counts["paid"]) == ("previewed", 3)
    # What was answered is known, what was not is asked again, and all of it counts.
    assert provider.asked == ["a@fine.test", "b@fine.test", "b@fine.test"]
    imports.confirm(lead_import=found, actor=post.agency.manager)
    imports.work(import_id=paying.id)
    assert (paying.refreshed().state, paying.refreshed().counts["paid"]) == ("done", 3)


def test_whoever_loses_an_import_asks_no_more(
    provider: Judge, paying: LeadImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(address: str) -> AddressVerdict:
        LeadImport.objects.filter(id=paying.id).update(claims=F("claims") + 1)
        return Judge.validate_email(provider, address)

    with monkeypatch.context() as patched:
        patched.setattr(provider, "validate_email", slow)
        imports.work(import_id=paying.id)
    assert provider.asked == ["a@fine.test"]
    assert AddressCheck.objects.get().source == "sendgrid"
    _again(paying)
    imports.work(import_id=paying.id)
    assert provider.asked == ["a@fine.test", "b@fine.test", "c@fine.test"]


def test_an_import_that_failed_says_what_was_paid_for(
    post: Post, provider: Judge, paying: LeadImport, monkeypatch: pytest.MonkeyPatch, client: Browser
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(imports, "_sample", broken)
        for _ in range(imports.TRIES):
            with suppress(ZeroDivisionError):
                imports.work(import_id=paying.id)
            _again(paying)
    found = paying.refreshed()
    assert (found.state, found.counts, len(provider.asked)) == ("failed", {"paid": 3}, 3)
    client.force_login(post.agency.manager)
    page = client.get(post.agency.url(f"leads/imports/{paying.id}/")).content.decode()
    assert 'asked about <span class="num">3</span> addresses' in page
    assert "What the import will do" not in page
    # Choosing anew allows anew.
    AddressCheck.objects.filter(source="local").delete()
    imports.set_mapping(lead_import=found, mapping=found.mapping, actor=post.agency.manager, paid_checks=1)
    imports.work(import_id=paying.id)
    assert paying.refreshed().counts["paid"] == 1
    assert provider.asked == [f"{name}@fine.test" for name in "abcd"]


def test_a_provider_that_fails_leaves_the_local_verdict(post: Post, provider: Judge) -> None:
    provider.error = ProviderError(ErrorKind.UNAVAILABLE, "down", provider="sendgrid")
    wanted = ["a@fine.test", "info@fine.test"]
    found = addresses.check_many(wanted, client_id=post.agency.first.id, ask=Answers())
    assert [verdict.verdict for verdict in found.values()] == ["valid", "risky"]
    assert len(provider.asked) == 1


def rows() -> list[RowDraft]:
    drafts = []
    for number, address in enumerate(["a@fine.test", "b@gone.test", "info@fine.test"], start=2):
        made = RowDraft(number=number, values=[address])
        made.addresses["email"] = (address, address)
        drafts.append(made)
    return drafts


@pytest.mark.parametrize(
    ("rule", "verdicts", "risky"),
    [
        ("off", ["create", "create", "create"], 0),
        ("warn", ["create", "create", "create"], 2),
        ("block", ["create", "invalid", "create"], 1),
    ],
)
def test_imports_follow_the_clients_rule(
    post: Post, monkeypatch: pytest.MonkeyPatch, rule: str, verdicts: list[str], risky: int
) -> None:
    Connection.objects.filter(provider="sendgrid").update(status="untested")
    OutreachPolicy.objects.update(address_policy=rule)
    monkeypatch.setattr(addresses, "resolver", lambda: Answers({"gone.test": Servers.NONE}))
    lead_import = LeadImport.objects.create(client=post.agency.first, file_name="a.csv")
    drafts, given = rows(), ["create"] * 3
    assert imports.check_addresses(lead_import, drafts, given, addresses.Paid(0)) == risky
    assert given == verdicts
    if rule == "block":
        assert drafts[1].error == "b@gone.test: its domain takes no mail"


@pytest.mark.parametrize(("rule", "leaves"), [("off", True), ("warn", True), ("block", False)])
def test_a_send_follows_the_clients_rule(post: Post, rule: str, leaves: bool) -> None:
    OutreachPolicy.objects.update(address_policy=rule)
    lead = post.lead("Ada", email="ada@gone.test")
    AddressCheck.objects.create(
        address="ada@gone.test", verdict="invalid", reasons=["no_mx"], expires_at=now() + timedelta(days=1)
    )
    post.launch()
    post.tick()
    assert bool(post.queued()) is leaves
    if not leaves:
        assert "its domain takes no mail" in post.enrollment(lead).reason
