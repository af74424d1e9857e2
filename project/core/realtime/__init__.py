"""Live screens: streams numbered in PostgreSQL, pushed over websockets, caught up by cursor."""

from project.core.realtime.emitting import emit, emit_each
from project.core.realtime.names import stream_name
from project.core.realtime.rendering import Fragment, data_kind, renderer

__all__ = ["Fragment", "data_kind", "emit", "emit_each", "renderer", "stream_name"]
