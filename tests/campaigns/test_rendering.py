"""Templates: fallbacks, refusals, spintax, hostile input, lengths."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rendering import (
    TemplateError,
    TooLong,
    UnfilledVariable,
    check_length,
    lint,
    render,
    shortest_length,
    sms_segments,
    text_length,
    variables,
)

ANA: dict[str, Any] = {
    "lead": {"first_name": "Ana", "last_name": "", "title": None, "size": 3},
    "company": {"name": "Fjord & Co"},
    "custom": {"team size": 12, "Plan": "pro"},
}


class TestVariables:
    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("Hi {{ lead.first_name }}", "Hi Ana"),
            ("Hi {{ lead.last_name | default: 'there' }}", "Hi there"),
            ("{{ lead.title | default: company.name }}", "Fjord & Co"),
            ("{{ custom['team size'] }} people", "12 people"),
            ("{{ lead.first_name | upcase | append: '!' }}", "ANA!"),
            ("{% if lead.title %}As {{ lead.title }}{% else %}Hello{% endif %}", "Hello"),
            ("{% assign who = lead.last_name | default: 'you' %}{{ who }}", "you"),
            ("{{ company.name | replace: '&', 'and' | truncate: 8 }}", "Fjord a…"),
            ("{{ lead.size }}", "3"),
            ("a\r\nb\rc", "a\nb\nc"),
            (r"\{a\|b\} 5 % off", "{a|b} 5 % off"),
        ],
    )
    def test_renders(self, template: str, text: str) -> None:
        assert render(template, ANA).text == text

    @pytest.mark.parametrize(
        ("template", "names"),
        [
            ("{{ lead.last_name }}", ("lead.last_name",)),
            ("{{ lead.title | upcase }}", ("lead.title",)),
            ("{{ lead.nothing }} {{ company.domain }}", ("lead.nothing", "company.domain")),
            ("{{ 'a' | append: lead.title }}", ("lead.title",)),
            ("{{ lead }}", ("lead",)),
            ("{{ sender.name }}", ("sender.name",)),
            ("{% assign who = lead.title %}{{ who }}", ("lead.title",)),
        ],
    )
    def test_an_unfilled_variable_stops_the_send_and_is_named(
        self, template: str, names: tuple[str, ...]
    ) -> None:
        with pytest.raises(UnfilledVariable) as caught:
            render(template, ANA)
        assert caught.value.names == names

    def test_a_preview_shows_what_is_missing(self) -> None:
        preview = render("Hi {{ lead.last_name }} of {{ company.name }}", ANA, strict=False)
        assert preview.text == "Hi [lead.last_name] of Fjord & Co"
        assert preview.missing == ("lead.last_name",)
        assert preview.used == {"company.name": "Fjord & Co"}

    def test_a_branch_that_is_not_taken_needs_no_values(self) -> None:
        assert render("{% if lead.title %}{{ lead.nothing }}{% endif %}ok", ANA).text == "ok"

    def test_all_variables_are_found_whatever_is_chosen(self) -> None:
        template = (
            "{{{ lead.first_name }}|{% if company.name %}{{ sender.name }}{% endif %}} {{ custom.Plan }}"
        )
        assert variables(template) == {"lead.first_name", "company.name", "sender.name", "custom.Plan"}

    def test_data_is_never_a_template(self) -> None:
        data = {"lead": {"first_name": "{{ company.name }} {a|b} {% if x %}"}}
        assert render("{{ lead.first_name }}", data).text == "{{ company.name }} {a|b} {% if x %}"


class TestLint:
    def test_says_line_and_what_was_meant(self) -> None:
        (problem,) = lint("Hi\n{{ lead.frist_name }}")
        assert (problem.line, problem.code, problem.variable) == (2, "unknown_variable", "lead.frist_name")
        assert "Did you mean lead.first_name?" in problem.message

    @pytest.mark.parametrize(
        ("template", "code"),
        [
            ("{{ lead.first_name", "syntax"),
            ("{{ lead.first_name }", "syntax"),
            ("{{ }}", "syntax"),
            ("{% if lead.title %}x", "syntax"),
            ("{% for a in b %}{% endfor %}", "tag"),
            ("{% include 'x' %}", "tag"),
            ("{% raw %}{{ x }}{% endraw %}", "tag"),
            ("{{ lead.first_name | shout }}", "filter"),
            ("{{ (1..5) }}", "syntax"),
            ("Hi {first_name}", "spintax"),
            ("{a|b", "spintax"),
            ("a } b", "spintax"),
            ("{a|{% if lead.title %}b|c{% endif %}}", "spintax"),
            ("x" * 20_001, "too_long"),
            ("{{ foo }}", "unknown_variable"),
            ("{{ now }}", "unknown_variable"),
            ("{{ custom.__class__ }}", "unknown_variable"),
        ],
    )
    def test_finds(self, template: str, code: str) -> None:
        assert code in {problem.code for problem in lint(template)}

    @pytest.mark.parametrize(
        "template",
        [
            "",
            "plain",
            "{10%|20%} off",
            "{Hi|Hello} {{ lead.first_name | default: 'you' }}",
            "{{ custom.anything }}",
        ],
    )
    def test_is_silent_about_what_works(self, template: str) -> None:
        assert lint(template) == ()

    @settings(max_examples=150, deadline=None)
    @given(st.text(alphabet="{}%|\\ ab.'lead\n", max_size=60))
    def test_what_lint_accepts_renders_or_lacks_a_value(self, template: str) -> None:
        problems = lint(template, known={"lead.*", "lead", "a", "b"})
        try:
            render(template, {"lead": {"a": "x"}}, seed="1")
        except UnfilledVariable:
            return
        except TemplateError:
            assert problems


class TestSpintax:
    def test_the_same_seed_gives_the_same_text(self) -> None:
        template = "{Hi|Hello|Good day} {{ lead.first_name }}, {how are you|all well{?|!}}"
        texts = {render(template, ANA, seed=str(number)).text for number in range(100)}
        assert len(texts) == 9
        assert render(template, ANA, seed="7") == render(template, ANA, seed="7")

    def test_choices_are_even(self) -> None:
        counts = {"a": 0, "b": 0, "c": 0}
        for number in range(900):
            counts[render("{a|b|c}", {}, seed=str(number)).text] += 1
        assert all(230 < count < 370 for count in counts.values())

    def test_it_does_not_clash_with_variables(self) -> None:
        template = "{{{ lead.first_name }}|{{ lead.first_name | default: 'a|b' }}}"
        assert {render(template, ANA, seed=str(number)).text for number in range(20)} == {"Ana"}

    def test_too_deep_is_refused(self) -> None:
        with pytest.raises(TemplateError, match="nested"):
            render("{a|" * 6 + "b" + "}" * 6, {})

    @given(
        st.lists(st.text(alphabet="abc ", min_size=1, max_size=5), min_size=2, max_size=5),
        st.text(max_size=5),
    )
    def test_one_of_the_options_is_picked(self, options: list[str], seed: str) -> None:
        assert render("{" + "|".join(options) + "}", {}, seed=seed).text in {
            option.strip() for option in options
        }


class TestHostile:
    @pytest.mark.parametrize(
        "template",
        [
            "{% for i in (1..100000000) %}x{% endfor %}",
            "{{ (1..100000000) | join }}",
            "{% if (1..100000000000) contains 5.5 %}x{% endif %}",
            "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 60 + "{{ a }}",
            "{{ lead.long | replace: 'x', lead.long }}",
            "{{ lead.long | replace: '', lead.long }}",
            "{{" * 9_000,
            "{%" * 9_000,
            "{a|" * 5_000,
            "{{ a" + "[a" * 2_000 + "]" * 2_000 + " }}",
            "{{ " + "x | upcase " * 40 + "}}",
            "{% if " + "a and " * 80 + "a %}x{% endif %}" + "{{ lead.long | shout }}",
            "{% if a %}" * 200 + "{% endif %}" * 200,
            "{{ lead.__class__.__mro__ }}",
            "{{ lead.first_name.__class__ }}",
            "{{ ''.__class__.__mro__[1].__subclasses__ }}",
            "{{ lead['__init__']['__globals__'] }}",
            r"\{\{" * 5_000,
            "{{ 'x' | truncate: 999999999999999999999 }}",
            "{{ 9" + "9" * 400 + " | append: 'x' }}" + "{{ lead.none }}",
            "{%" + " " * 490 + "%}",
        ],
    )
    def test_is_refused_or_harmless_and_quick(self, template: str) -> None:
        began = time.perf_counter()
        try:
            text = render(template, {"lead": {"long": "x" * 9_000, "first_name": "A"}}).text
        except (TemplateError, UnfilledVariable):
            text = ""
        lint(template)
        assert time.perf_counter() - began < 2
        assert "class" not in text
        assert len(text) <= 40_000

    def test_objects_are_never_shown(self) -> None:
        class Secret:
            token = "s3cret"

            def __str__(self) -> str:
                return self.token

        with pytest.raises(UnfilledVariable):
            render("{{ lead.key }}{{ lead.key.token }}", {"lead": {"key": Secret()}})


class TestLengths:
    def test_an_invitation_note(self) -> None:
        check_length("x" * 300, "invite", "note")
        check_length("x" * 300 + "\r\n", "invite", "note")
        with pytest.raises(TooLong, match="201 characters; invite allows 200"):
            check_length("x" * 201, "invite", "note", premium=False)
        with pytest.raises(TooLong):
            check_length("x" * 8_001, "message", "text")

    def test_an_emoji_counts_two_and_a_line_break_one(self) -> None:
        assert text_length("a\r\n😀") == 4

    def test_the_shortest_a_template_can_be(self) -> None:
        assert shortest_length("{long one|no} {{ lead.first_name }}!") == len("no !")

    @pytest.mark.parametrize(
        ("text", "encoding", "units", "count"),
        [
            ("", "GSM-7", 0, 1),
            ("x" * 160, "GSM-7", 160, 1),
            ("x" * 161, "GSM-7", 161, 2),
            ("€" * 80, "GSM-7", 160, 1),
            ("x" * 152 + "€" * 5, "GSM-7", 162, 2),
            ("x" * 152 + "€" + "x" * 152, "GSM-7", 306, 3),
            ("ж" * 70, "UCS-2", 70, 1),
            ("ж" * 71, "UCS-2", 71, 2),
            ("😀" * 36, "UCS-2", 72, 2),
        ],
    )
    def test_segments_of_an_sms(self, text: str, encoding: str, units: int, count: int) -> None:
        segments = sms_segments(text)
        assert (segments.encoding, segments.units, segments.count) == (encoding, units, count)
