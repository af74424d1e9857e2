"""The baseline of single events: a WSGI callable on the same server that does nothing but insert the body."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

TABLE = "bench_ingest_bare"
_local = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Insert the body of any POST, and answer 200."""
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True)
    body = environ["wsgi.input"].read()
    connection.execute(f"INSERT INTO {TABLE} (body) VALUES (%s)", (body,))  # noqa: S608 - a name of ours
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
