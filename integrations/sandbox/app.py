"""The sandbox as an ASGI application: the providers' APIs beside the control API, and the world's own loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox import control, names
from integrations.sandbox.emailbison.routes import EMAILBISON
from integrations.sandbox.heyreach.routes import HEYREACH
from integrations.sandbox.mailbox.routes import MAILBOX
from integrations.sandbox.resend.routes import RESEND
from integrations.sandbox.sendgrid.routes import SENDGRID
from integrations.sandbox.smartlead.routes import SMARTLEAD
from integrations.sandbox.twilio.routes import TWILIO
from integrations.sandbox.unipile.routes import UNIPILE
from integrations.sandbox.world import World

logger = logging.getLogger(__name__)

#: Every provider the sandbox plays. A new one joins here.
PROVIDERS = (UNIPILE, SENDGRID, TWILIO, RESEND, MAILBOX, SMARTLEAD, EMAILBISON, HEYREACH)


def _report(world: World, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        world.alive = False
        logger.critical("the sandbox's loop has died; nothing happens any more", exc_info=task.exception())


async def _home(request: Request) -> Response:
    return RedirectResponse("/_sandbox/")


def build(world: World) -> Starlette:
    """The application around ``world``; while it runs, due things happen."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.get_running_loop().create_task(world.run())
        running.add_done_callback(lambda task: _report(world, task))
        try:
            async with AsyncExitStack() as servers:
                for provider in world.providers:
                    if provider.servers is not None:
                        await servers.enter_async_context(provider.servers(world))
                yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            world.store.close()

    routes: list[BaseRoute] = [route for provider in world.providers for route in provider.routes(world)]
    return Starlette(
        routes=[Route("/", _home), names.ROUTE, *routes, *control.routes(world)], lifespan=lifespan
    )
