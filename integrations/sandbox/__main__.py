"""``python -m integrations.sandbox``: run the provider sandbox until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from integrations.sandbox.listening import listen
from integrations.sandbox.server import SandboxServer, open_world
from integrations.sandbox.store import StoreUnavailable


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    for name in ("smtp", "imap"):
        parser.add_argument(
            f"--{name}-port",
            type=int,
            help=f"port of the {name.upper()} server (next to --port; free if that is)",
        )
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR", ".data")))
    parser.add_argument(
        "--speed", type=float, default=os.environ.get("SPEED", "60"), help="sandbox seconds per second"
    )
    usual = "none" if os.environ.get("DEMO") == "0" else "demo"
    parser.add_argument(
        "--seed", choices=["demo", "none"], default=usual, help=f"a new world's seats ({usual})"
    )
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.speed <= 1e6:
        parser.error("--speed must be between 0 and 1000000")
    for offset, name in enumerate(("port", "smtp_port", "imap_port")):
        if getattr(arguments, name) is None:
            setattr(arguments, name, arguments.port + offset if arguments.port else 0)
        if not 0 <= getattr(arguments, name) <= 65535:
            parser.error(f"--{name.replace('_', '-')} must be between 0 and 65535")
    return arguments


async def _serve(arguments: argparse.Namespace) -> None:
    listener = listen(arguments.host, arguments.port)
    port = listener.getsockname()[1]
    world = open_world(
        arguments.data_dir, seed="demo" if arguments.seed == "demo" else None, speed=arguments.speed
    )
    world.host, world.smtp_port, world.imap_port = arguments.host, arguments.smtp_port, arguments.imap_port
    line = f"sandbox ready http://{arguments.host}:{port}\n"

    def ready() -> None:
        sys.stdout.write(line)
        sys.stdout.flush()

    server = SandboxServer(world, ready=ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    await server.serve(sockets=[listener])


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped. Exit status 0 after a clean stop, 2 if it could not start."""
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(arguments))
    except (OSError, StoreUnavailable) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
