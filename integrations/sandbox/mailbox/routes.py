"""The mail servers as the sandbox mounts them: no HTTP API but the control's; SMTP and IMAP beside it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.routing import BaseRoute

from integrations.sandbox.listening import listen
from integrations.sandbox.mailbox import control, fates, state
from integrations.sandbox.mailbox.actions import ACTIONS
from integrations.sandbox.world import Provider, World


@contextlib.asynccontextmanager
async def _servers(world: World) -> AsyncIterator[None]:
    """Serve SMTP and IMAP on the world's ports; 0 takes free ones, and the world says which."""
    # Mail libraries are only loaded where mail servers run: starting has to be quick for everything else.
    from integrations.sandbox.mailbox import imap, smtp

    with contextlib.ExitStack() as sockets:
        smtp_listener = sockets.enter_context(listen(world.host, world.smtp_port))
        imap_listener = sockets.enter_context(listen(world.host, world.imap_port))
        world.smtp_port = smtp_listener.getsockname()[1]
        world.imap_port = imap_listener.getsockname()[1]
        async with smtp.serving(world, smtp_listener), imap.serving(world, imap_listener):
            yield


def _no_routes(world: World) -> list[BaseRoute]:
    return []


MAILBOX = Provider(
    name="mailbox",
    schema=state.SCHEMA,
    tables=state.TABLES,
    routes=_no_routes,
    control_routes=control.routes,
    agenda=fates.AGENDA,
    actions=ACTIONS,
    variants={},
    summary=control.summary,
    person_summary=control.person_summary,
    active_people=control.active_people,
    seed=control.seed,
    channel="email",
    last_contact=control.last_contact,
    servers=_servers,
)
