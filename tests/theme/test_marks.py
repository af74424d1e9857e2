"""Tags escape what they are given, find their icons, and make ids that others rely on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import get_template

from project.theme import dom, icons, marks

ROOT = Path(__file__).resolve().parents[2]
EVIL = "<script>alert('x')</script>\"&"


@dataclass
class Thing:
    """Anything with a name and a colour."""

    name: str = EVIL
    colour: int = 3
    id: str = "0197"
    dom_kind: str = "conversation"


def render(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    "source",
    [
        '{% icon "check" label=evil css=evil %}',
        "{% channel_icon evil %}",
        "{% client_mark thing %}",
        "{% client_mark thing short=True %}",
        "{% client_mark thing square=True %}",
        "{% intent_badge evil %}",
        "{% delivery_state evil why=evil %}",
        "{% avatar evil %}",
        "{% avatar thing %}",
        "{% kbd evil evil %}",
        "{% bar 3 25 label=evil tone=evil size=evil %}",
        "{% funnel values labels %}",
        "{% sparkline values label=evil %}",
        "{% share 3 25 evil %}",
        '{% part "button" label=evil icon="check" value=evil title=evil id=evil name=evil data_x=evil %}',
        '{% part "field" id="x" label=evil value=evil help=evil error=evil placeholder=evil %}',
        '{% wrap "card" title=evil %}{{ evil }}{% endwrap %}',
        '{% part "message" direction="in" name=evil person=evil to=evil body=evil at=now %}',
        '{% part "note" author=evil body=evil at=now %}',
        '{% part "toast" text=evil sub=evil undo_url=evil %}',
    ],
)
def test_what_people_wrote_is_escaped(source: str) -> None:
    html = render(
        source, evil=EVIL, thing=Thing(), values=[4, 2, 1], labels=[EVIL, EVIL, EVIL], now=datetime.now(UTC)
    )
    assert "<script" not in html
    assert "alert" in html or "Unknown channel" in html


def test_missing_values_render_as_nothing() -> None:
    tags = "{% client_mark x.y %}{% intent_badge x.y %}{% avatar x.y %}{% sla_clock x.y %}{% when x.y %}"
    assert render(tags + "{{ x.y|age }}{{ x.y|duration }}{{ x.y|number }}") == ""


def test_attributes_of_parts() -> None:
    source = '{% part "button" label="Go" hx_post=url data_on=True aria_busy=None %}'
    html = render(source, url="/x/?a=1&b=2")
    assert 'hx-post="/x/?a=1&amp;b=2"' in html
    assert " data-on" in html
    assert "aria-busy" not in html


def test_a_button_that_is_off_says_why_and_has_no_key() -> None:
    html = render('{% part "button" label="Send" key="s" disabled=True why="Nothing is written yet." %}')
    assert 'aria-disabled="true"' in html
    assert "Nothing is written yet." in html
    assert "data-key" not in html


@dataclass
class SenderAccount:
    """Named like the model."""

    id: str = "1"


@dataclass
class WebhookDelivery:
    """Named like the model."""

    id: str = "2"


@dataclass
class Message:
    """Named like the model."""

    id: str = "3"


def test_ids_are_those_of_the_contract() -> None:
    assert dom.dom_id(Thing(), "row") == "conversation-row-0197"
    assert dom.dom_id(SenderAccount(), "card") == "sender-card-1"
    assert dom.dom_id(WebhookDelivery(), "row") == "webhook-row-2"
    assert dom.dom_id(Message()) == "message-3"
    assert render('{% dom_id thing "row" %}', thing=Thing()) == "conversation-row-0197"


def test_bars_hold_their_length_in_an_attribute() -> None:
    assert 'width="88.0%"' in marks.bar(22, 25)
    assert 'width="100.0%"' in marks.bar(30, 25)
    assert 'width="0.0%"' in marks.bar(1, 0)
    assert [marks.limit_tone(used, 25) for used in (10, 22, 25)] == ["", "warn", "bad"]


def test_an_unknown_icon_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LookupError, match=r"icons\.txt"):
        icons.render_icon("no-such-icon")
    with pytest.raises(LookupError):
        icons.render_icon("../../settings", style="solid")


def test_the_icon_list_and_the_committed_files_agree() -> None:
    listed = {
        line
        for line in (ROOT / "project/theme/static_src/icons.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    present = {
        f"{path.parent.name}/{path.stem}"
        for style in ("solid", "outline")
        for path in (icons.ICON_DIR / style).glob("*.svg")
    }
    assert listed == present


def test_every_icon_that_a_template_names_is_there() -> None:
    named = re.compile(r'{% icon "([\w-]+)"([^%]*)%}')
    missing = []
    for path in (ROOT / "templates").rglob("*.html"):
        for name, rest in named.findall(path.read_text(encoding="utf-8")):
            style = "outline" if 'style="outline"' in rest else "own" if 'style="own"' in rest else "solid"
            if not (icons.ICON_DIR / style / f"{name}.svg").exists():
                missing.append(f"{path.relative_to(ROOT)}: {style}/{name}")
    assert missing == []


class Person(forms.Form):
    """A form with one of each control."""

    email = forms.EmailField(help_text="For sign-in")
    role = forms.ChoiceField(choices=[("a", "Admin")])
    active = forms.BooleanField(required=False)


def test_form_fields_tie_label_help_and_error_to_the_control() -> None:
    form = Person({"email": "not-an-address", "role": "a"})
    html = render(
        "{% form_field form.email %}{% form_field form.role %}{% form_field form.active %}", form=form
    )
    assert 'value="not-an-address"' in html, "what was typed is kept"
    assert 'aria-invalid="true"' in html
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described is not None
    ids = set(re.findall(r' id="([^"]+)"', html))
    assert set(described[1].split()) <= ids
    assert '<span class="select"><select' in html
    assert 'class="check"' in html


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if "style" in values or tag == "style" or any(name.startswith("on") for name in values):
            self.styles.append(self.get_starttag_text() or tag)


def parse(html: str) -> _Ids:
    parser = _Ids()
    parser.feed(html)
    return parser


def test_every_part_compiles_and_says_what_it_takes() -> None:
    for path in sorted((ROOT / "templates/components").glob("*.html")):
        get_template(f"components/{path.name}")
        assert path.read_text(encoding="utf-8").startswith("{#"), f"{path.name} does not say what it takes"


def test_no_template_uses_what_the_content_security_policy_forbids() -> None:
    """No inline styles, no handlers, no script without a source; data blocks (application/json) are fine."""
    found = []
    for path in (ROOT / "templates").rglob("*.html"):
        text = re.sub(r"{[#%{].*?[#%}]}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        if path.parent.name == "mail" or path.parent.parent.name == "mail":
            continue
        found += [f"{path.relative_to(ROOT)}: {tag}" for tag in parse(text).styles]
        for script in re.findall(r"<script\b[^>]*>", text):
            if "src=" not in script and "application/json" not in script:
                found.append(f"{path.relative_to(ROOT)}: {script}")
    assert found == []
