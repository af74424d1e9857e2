"""What an installation consists of, and how each part is started.

Workers use thread pools: their work waits for the database and for providers, and one process per queue group
keeps memory small. ``live`` serves what people wait for, ``bulk`` everything long.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from project.core.embedded.supervisor import Part

#: What ``--only`` accepts, and the parts each name stands for.
NAMES: Mapping[str, tuple[str, ...]] = {
    "web": ("web",),
    "pages": ("pages",),
    "worker": ("worker-live", "worker-bulk"),
    "worker-live": ("worker-live",),
    "worker-bulk": ("worker-bulk",),
    "beat": ("beat",),
    "mailboxes": ("mailboxes",),
    "sandbox": ("sandbox",),
}
EVERYTHING = ("web", "worker", "beat", "mailboxes", "sandbox")
#: The server workers and beat stop before what they call (sandbox, then Redis and PostgreSQL).
_STAGES = {"web": 0, "pages": 0, "beat": 0, "mailboxes": 0, "worker-live": 1, "worker-bulk": 1, "sandbox": 2}
#: Seconds to finish after SIGTERM; the stages' longest together leave three of ten seconds for the servers.
_GRACE = {
    "web": 2.0,
    "pages": 2.0,
    "beat": 2.0,
    "mailboxes": 2.0,
    "worker-live": 4.0,
    "worker-bulk": 4.0,
    "sandbox": 1.0,
}
#: Who stands back when processors are short: what is long, so that it delays no answer that people wait for. And
#: mailboxes, so that they delay no start; without them mail is found within a minute.
_NICENESS = {"worker-bulk": 5, "mailboxes": 10}
#: Requests that a process of ``pages`` serves at once; each holds a connection to the database meanwhile.
PAGE_THREADS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """Where things listen and keep their files."""

    host: str
    port: int
    data_dir: Path
    sandbox_port: int
    #: Loopback unless the sandbox is a service of its own: it obeys whoever reaches it.
    sandbox_host: str = "127.0.0.1"
    #: Whether a new sandbox starts with the demo's people.
    demo: bool = False


class UnknownPart(ValueError):
    """``--only`` names something that does not exist."""


def selected(only: str | None) -> tuple[str, ...]:
    """Expand ``--only web,worker`` to part names in starting order. Raises ``UnknownPart``."""
    wanted = [word.strip() for word in only.split(",") if word.strip()] if only else list(EVERYTHING)
    unknown = [word for word in wanted if word not in NAMES]
    if unknown or not wanted:
        what = unknown[0] if unknown else "nothing"
        raise UnknownPart(f"--only does not know {what!r}; it takes {', '.join(NAMES)}.")
    chosen = {name for word in wanted for name in NAMES[word]}
    return tuple(name for name in _STAGES if name in chosen)


def build(names: Sequence[str], plan: Plan, environment: Mapping[str, str]) -> list[Part]:
    """Return the supervised parts for ``names``. All are forks but the sandbox, which is no part of us, and the server
    that makes its own processes.
    """
    alone = {"sandbox": _sandbox, "pages": pages}
    return [
        Part(
            name,
            alone[name](plan) if name in alone else _module(name, plan),
            environment,
            _STAGES[name],
            _GRACE[name],
            forked=name not in alone,
            waits=name == "pages",
            niceness=_NICENESS.get(name, 0),
        )
        for name in names
    ]


def preloaded(names: Sequence[str]) -> list[str]:
    """Return the modules that most of the parts run, to be loaded once before they are forked.

    Not the server's: its event loop belongs to the process in which it is made.
    """
    modules = ["project.celery", "celery.bin.celery", "celery.bin.worker", "celery.bin.beat", "integrations.tasks",
               "campaigns.tasks", "inbox.tasks", "project.tenancy.tasks", "project.core.upkeep"]  # fmt: skip
    return [*modules, "project.urls", "channels.routing"] if "web" in names else modules


def _sandbox(plan: Plan) -> list[str]:
    seed = ["--seed", "demo"] if plan.demo else []
    address = ["--host", plan.sandbox_host, "--port", str(plan.sandbox_port)]
    return [sys.executable, "-m", "integrations.sandbox", *address, *seed]


def pages(plan: Plan, application: str = "project.wsgi:application") -> list[str]:
    """Return the command that serves what needs no socket: pages, API and webhooks."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", plan.host, "--port", str(plan.port),
        "--workers", "1", "--blocking-threads", str(PAGE_THREADS), "--backlog", "2048", "--no-ws",
        "--log-level", "error", "--workers-kill-timeout", "2", application,
    ]  # fmt: skip


def _module(name: str, plan: Plan) -> list[str]:
    """Return the module that a part runs, and its arguments."""
    if name == "web":
        return [
            "project.core.socket_server", "--bind", plan.host, "--port", str(plan.port), "--no-server-name",
            "--application-close-timeout", "2", "--http-timeout", "120", "--verbosity", "0",
            "project.asgi:application",
        ]  # fmt: skip
    if name == "mailboxes":
        return ["django", "watch_mailboxes"]
    celery = ["celery", "--quiet", "-A", "project.celery"]
    if name == "beat":
        # The schedule is in code and everything is due at a start (project.celery): there is nothing to remember.
        return [
            *celery,
            "beat",
            "--scheduler",
            "celery.beat:Scheduler",
            "--pidfile",
            "",
            "--loglevel",
            "INFO",
        ]
    queues, threads = {
        "worker-live": ("inbound,dispatch", 8),
        "worker-bulk": ("sync,bulk,ai,reports", 4),
    }[name]
    return [
        *celery, "worker", "--pool", "threads", "--concurrency", str(threads), "--queues", queues,
        "--hostname", f"{name.removeprefix('worker-')}@%h", "--without-gossip", "--without-mingle",
        "--loglevel", "INFO",
    ]  # fmt: skip
