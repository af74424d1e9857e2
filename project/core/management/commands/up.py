"""``manage.py up``: run the whole installation, or parts of it, under one supervisor.

``manage.py`` runs this command before Django is set up: settings name the servers, which are started here first.
Then the application is loaded, once, and the parts are forks of this process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand

from project import env
from project.core.embedded import bootstrap, discover, parts, servers
from project.core.embedded.runtime import Runtime, free_ports_from, is_port_free
from project.core.embedded.supervisor import Supervisor

DEMO_NAMES = ("admin", "manager", "agent", "agent2", "viewer", "client", "ops")
READY_SECONDS = 120.0
POLL_SECONDS = 0.4
#: The parts that answer on the port.
SERVING = frozenset({"web", "pages"})
#: A part that crashes this often before the installation was ready will not come up by trying again.
CRASHES_BEFORE_READY = 4


class _Stopped(Exception):
    """A signal came before the supervisor had taken over."""


def _raise_stopped(number: int, frame: object) -> NoReturn:
    raise _Stopped


class Command(BaseCommand):
    """Start embedded PostgreSQL and Redis unless the environment names some, then the parts."""

    help = (
        "Run the installation: servers, web, workers, beat and the provider sandbox. Ctrl-C stops everything."
    )
    requires_system_checks: list[str] = []
    _locks: list[object]
    _servers: servers.Servers | None = None
    _supervisor: Supervisor
    _data_dir: Path
    _database_url: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; each has an environment variable that ``make`` passes on."""
        parser.add_argument("--only", help=f"comma-separated parts to run: {', '.join(parts.NAMES)}")
        parser.add_argument("--host", default=None, help="address to listen on (HOST, 127.0.0.1)")
        parser.add_argument("--port", type=int, default=None, help="port of the web part (PORT, 8000)")
        parser.add_argument("--no-migrate", action="store_true", help="do not apply migrations first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped. Exits 2 with one line when it cannot start."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _raise_stopped)
        self._locks = []
        try:
            self._up(options)
        except (parts.UnknownPart, *servers.FAILURES) as error:
            self._fail(str(error), 2)
        except bootstrap.BootstrapFailed as error:
            self._fail(str(error), error.code)
        except _Stopped:
            pass
        finally:
            # What is left to do is short; another signal must not cut it off and leave servers behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if self._servers is not None:
                self._servers.stop()

    def _fail(self, message: str, code: int) -> NoReturn:
        print(message, file=sys.stderr, flush=True)
        sys.exit(code)

    def _up(self, options: dict[str, Any]) -> None:
        names = parts.selected(options["only"])
        host = options["host"] or env.text("HOST", "127.0.0.1")
        port = options["port"] or env.integer("PORT", 8000)
        if not 0 < port < 65536:
            self._fail(f"PORT must be between 1 and 65535, not {port}.", 2)
        self._data_dir = env.data_dir()
        ours = self._claim(names)
        if {"web", "pages"} <= set(names):
            self._fail("web and pages listen on the same port; run one of them.", 2)
        if SERVING & set(names):
            if not is_port_free(port, host):
                self._fail(f"Port {port} is taken; stop what uses it or set PORT to another one.", 2)
            bootstrap.ensure_stylesheet()
        runtime = self._runtime(names, ours=ours, port=port)
        os.environ.update(self._environment(runtime, host, port))
        sandbox_port = runtime.sandbox_port if runtime is not None else None
        plan = parts.Plan(
            host=host,
            port=port,
            data_dir=self._data_dir,
            sandbox_port=sandbox_port or env.integer("SANDBOX_PORT", 8100),
            sandbox_host=env.text("SANDBOX_HOST", "127.0.0.1"),
            demo=self._wants_demo(),
        )
        supervisor = Supervisor(
            parts.build(names, plan, dict(os.environ)), on_change=self._note, tick=self._tend_servers
        )
        self._supervisor = supervisor
        supervisor.start()
        try:
            if set(names) != {"sandbox"}:
                bootstrap.preload(parts.preloaded(names))
                self._database_url = os.environ.get("DATABASE_URL") or env.text("DATABASE_URL")
                if not options["no_migrate"]:
                    self._migrate()
                supervisor.start_forked()
            self._until_ready(names, plan)
            supervisor.run()
        finally:
            supervisor.stop()

    # --- servers ------------------------------------------------------------------------------------
    def _claim(self, names: tuple[str, ...]) -> bool:
        """Claim the data directory; return whether the embedded servers are ours to start.

        One lock per part, so that single parts may join the servers that another process runs.
        """
        if env.is_set("DATABASE_URL") and env.is_set("REDIS_URL"):
            return False
        for name in names:
            self._locks.append(servers.claim(self._data_dir, f"up-{name}"))
        try:
            self._locks.append(servers.claim(self._data_dir))
        except servers.DataDirBusy:
            if discover(self._data_dir) is None:
                raise
            return False
        return True

    def _runtime(self, names: tuple[str, ...], *, ours: bool, port: int) -> Runtime | None:
        """Return the embedded servers' addresses, started if they are ours; ``None`` if there are none."""
        if not ours:
            return discover(self._data_dir)
        self._servers = servers.start(self._data_dir)
        runtime = self._servers.runtime
        if SERVING & set(names):
            runtime = runtime.with_web(port)
            self._servers.record(runtime)
        if "sandbox" in names:
            taken = frozenset({runtime.postgres_port, runtime.redis_port})
            # Its SMTP and IMAP servers listen on the next two.
            first = free_ports_from(runtime.sandbox_port, count=3, avoid=taken)
            self._servers.record(runtime.with_sandbox(first))
        return self._servers.runtime

    def _environment(self, runtime: Runtime | None, host: str, port: int) -> dict[str, str]:
        """Return the environment of every part."""
        environment = {
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "project.settings.dev",
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(env.BASE_DIR), os.environ.get("PYTHONPATH")])),
            "DATA_DIR": str(self._data_dir),
            "HOST": host,
            "PORT": str(port),
        }
        if runtime is not None:
            if not env.is_set("DATABASE_URL"):
                environment["DATABASE_URL"] = runtime.database_url
            if not env.is_set("REDIS_URL"):
                environment["REDIS_URL"] = runtime.redis_url
            if runtime.sandbox_url and not env.is_set("SANDBOX_URL"):
                environment["SANDBOX_URL"] = runtime.sandbox_url
        return environment

    def _migrate(self) -> None:
        pending = bootstrap.pending_migrations(self._database_url)
        if pending:
            self._supervisor.write(f"applying {len(pending)} migrations")
            bootstrap.manage("migrate", "--no-input", "--verbosity", "0", meanwhile=self._serve)

    def _note(self, name: str, pid: int | None) -> None:
        if self._servers is None:
            return
        try:
            self._servers.record(self._servers.runtime.with_process(name, pid))
        except ProcessLookupError:
            # It has ended already; its end will be noted.
            return

    def _tend_servers(self) -> None:
        if self._servers is None or self._supervisor.stopping:
            return
        revived = self._servers.revive()
        if revived is not None:
            self._supervisor.write(f"{revived} had ended and was started again")

    # --- readiness ----------------------------------------------------------------------------------
    def _until_ready(self, names: tuple[str, ...], plan: parts.Plan) -> None:
        """Serve until ``/readyz`` is content and the demo is seeded, then say so."""
        supervisor = self._supervisor
        if not SERVING & set(names):
            supervisor.write(f"running {', '.join(names)}")
            return
        deadline = time.monotonic() + READY_SECONDS
        complete = set(names) >= {"web", "worker-live", "worker-bulk", "beat"}
        missing: str | None = "starting"
        while missing is not None and not supervisor.stopping:
            self._serve_for(POLL_SECONDS)
            missing = bootstrap.not_ready_because(plan.port, settings.ALLOWED_HOSTS)
            if missing is not None and not complete and missing != bootstrap.NO_ANSWER:
                break
            for name in names:
                if supervisor.crashes(name) >= CRASHES_BEFORE_READY:
                    raise bootstrap.BootstrapFailed(f"{name} does not start; its last lines are above.")
            if time.monotonic() > deadline:
                raise bootstrap.BootstrapFailed(f"Not ready after {READY_SECONDS:.0f} seconds: {missing}.")
        if supervisor.stopping:
            return
        seeded = self._seed(names)
        if not supervisor.stopping:
            supervisor.write(f"ready http://localhost:{plan.port}")
            if seeded:
                names_line = " ".join(f"{name}@demo.test" for name in DEMO_NAMES)
                supervisor.write(f"sign in as {names_line} with the password outbound-demo")

    def _serve_for(self, seconds: float) -> None:
        """Serve for this long, whatever the parts write in the meantime."""
        until = time.monotonic() + seconds
        while not self._supervisor.stopping and (left := until - time.monotonic()) > 0:
            self._supervisor.serve(seconds=left)

    def _wants_demo(self) -> bool:
        """Only an installation of its own is seeded unasked, never somebody's database."""
        return env.flag("DEMO", default=self._servers is not None)

    def _seed(self, names: tuple[str, ...]) -> bool:
        """Create the demo organization if it is wanted and missing; return whether it is there."""
        if not self._wants_demo():
            return False
        if not bootstrap.is_seeded(self._database_url):
            if "sandbox" not in names:
                return False
            self._supervisor.write("creating the demo organization")
            bootstrap.manage("demo", meanwhile=self._serve)
        return True

    def _serve(self, seconds: float) -> None:
        """Serve while a command runs. Raises ``_Stopped``, which ends it, when a signal comes."""
        self._supervisor.serve(seconds=seconds)
        if self._supervisor.stopping:
            raise _Stopped
