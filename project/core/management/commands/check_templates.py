"""``manage.py check_templates``: every template parses, with the tags and filters it uses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand
from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.loader_tags import ExtendsNode, IncludeNode


class Command(BaseCommand):
    """Compile all templates of the project and name those that do not parse or include what is not there."""

    help = "Compile every template of the project; exit 1 and name the broken ones."

    def handle(self, *args: Any, **options: Any) -> None:
        """Compile; constant includes and parents are looked up too."""
        broken = 0
        folder = Path(settings.BASE_DIR) / "templates"
        names = [
            path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in {".html", ".txt", ".xml", ".svg"}
        ]
        for name in names:
            try:
                self._compile(name)
            except (TemplateSyntaxError, TemplateDoesNotExist) as error:
                broken += 1
                self.stderr.write(f"{name}: {error}")
        self.stdout.write(f"{len(names) - broken} of {len(names)} templates parse")
        if broken:
            sys.exit(1)

    def _compile(self, name: str) -> None:
        """Compile ``name`` and look up what it includes and extends by a constant name."""
        backend = cast(DjangoTemplates, engines["django"])
        template = backend.engine.get_template(name)
        parents = template.nodelist.get_nodes_by_type(ExtendsNode)
        includes = template.nodelist.get_nodes_by_type(IncludeNode)
        expressions: list[Any] = [cast(ExtendsNode, node).parent_name for node in parents]
        expressions += [cast(IncludeNode, node).template for node in includes]
        for expression in expressions:
            if isinstance(expression.var, str):
                backend.engine.get_template(expression.var)
