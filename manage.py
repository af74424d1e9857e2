#!/usr/bin/env python
"""Django's command line for Outbound Engine X."""

import os
import sys


def main() -> None:
    """Run a management command with the development settings unless told otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.dev")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        if sys.argv[1:2] == ["up"]:
            # Before Django is set up: see the command.
            from project.core.management.commands.up import Command

            Command().run_from_argv(sys.argv)
            return
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A wrong setting or a data directory that cannot be written: one line says what to correct.
        print(str(error).splitlines()[0], file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
