"""Everything ``make check`` looks at, one step after another; all run, whatever fails.

Needs an empty database and Redis; ``make check`` gives it throw-away ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PYTHON = [sys.executable, "-m"]
MANAGE = [sys.executable, "manage.py"]
ROOMS = ["project", "integrations", "campaigns", "inbox", "reporting", "tests"]

STEPS: dict[str, list[str]] = {
    "lint": [*PYTHON, "ruff", "check", "--output-format", "concise", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "--output-format", "concise", "."],
    "types": [*PYTHON, "mypy"],
    "imports": [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
    "template style": [*PYTHON, "djlint", "templates", "--lint", "--quiet"],
    "templates": [*MANAGE, "check_templates"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "system checks": [*MANAGE, "check", "--fail-level", "WARNING"],
    "deployment checks": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
}
#: The deployment's settings want secrets; these are not used for anything.
DEPLOYMENT = {
    "DJANGO_SETTINGS_MODULE": "project.settings.production",
    "SECRET_KEY": "checked-only-" + "x7Q-" * 16,
    "CREDENTIAL_KEYS": "Y2hlY2tlZC1vbmx5LWNyZWRlbnRpYWwta2V5LTMyYnl0ZXM=",
    "ALLOWED_HOSTS": "outbound.example",
    "PUBLIC_URL": "https://outbound.example",
}


def main() -> int:
    """Run all steps; return 0 if all passed, else 1."""
    failed = []
    # The database is empty: the application's role is not there, and nothing is asked of it.
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings.test", "DATABASE_APP_ROLE": ""}
    for name, command in STEPS.items():
        extra = DEPLOYMENT if name == "deployment checks" else {}
        began = time.monotonic()
        print(f"== {name}", flush=True)
        if subprocess.run(command, env={**environment, **extra}, check=False).returncode != 0:
            failed.append(name)
        outcome = "FAILED" if name in failed else "ok"
        print(f"   {outcome} in {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(STEPS) - len(failed)} passed, {len(failed)} failed")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
