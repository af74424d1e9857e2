"""The one door of every provider API: parse, break as told, perform in one transaction, log, answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from integrations.sandbox.faults import Fault
from integrations.sandbox.world import World

#: Header values that identify callers are logged by their last characters only.
_SECRET_HEADERS = frozenset({"x-api-key", "authorization", "cookie"})
_GATEWAY_PAGE = (
    "<html><head><title>{0} Bad Gateway</title></head><body><h1>{0} Bad Gateway</h1></body></html>"
)


@dataclass(frozen=True)
class Upload:
    """A file of a multipart call."""

    field: str
    name: str
    mimetype: str
    content: bytes


@dataclass
class Call:
    """A provider call, fully read. ``json`` is ``None`` unless the body is JSON; ``malformed`` says it was bad."""

    method: str
    path: str
    parameters: dict[str, str]
    query: dict[str, list[str]]
    headers: dict[str, str]
    base_url: str
    content_type: str = ""
    json: Any = None
    malformed: bool = False
    fields: dict[str, list[str]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    writes: list[dict[str, Any]] = field(default_factory=list)

    def wrote(self, kind: str, **facts: Any) -> None:
        """Note something this call changed in the provider's world, for the log."""
        self.writes.append({"kind": kind, **facts})

    def logged_body(self) -> Any:
        """The body as the log keeps it: files by name and size only."""
        if self.fields or self.uploads:
            files = [
                {"field": f.field, "name": f.name, "type": f.mimetype, "size": len(f.content)}
                for f in self.uploads
            ]
            return self.fields | ({"files": files} if files else {})
        return self.json


@dataclass(frozen=True)
class Answer:
    """What a provider answers: a JSON body, or raw bytes with their media type."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    media_type: str = "application/json"

    def response(self) -> Response:
        """As an HTTP response."""
        content = (
            self.content if self.content is not None else json.dumps(self.body, ensure_ascii=False).encode()
        )
        return Response(content, self.status, self.headers, self.media_type)


class Refusal(Exception):
    """A provider's own error answer; whatever the handler had written is undone."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.body))
        self.answer = answer


Handler = Callable[[World, Call], Answer]
#: Builds a provider's error answer for an injected fault: (fault, path) -> answer.
FaultAnswer = Callable[[Fault, str], Answer]


@dataclass(frozen=True)
class Gateway:
    """The door of one provider. ``prefix`` is cut off paths before faults and logs see them."""

    world: World
    provider: str
    prefix: str
    authenticate: Callable[[World, Call], None]
    fault_answer: FaultAnswer

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A Starlette endpoint around a synchronous ``handler``."""

        async def serve(request: Request) -> Response:
            try:
                call = await self._read(request)
            except ClientDisconnect:
                return Response(status_code=499)
            faults = self.world.faults.for_request(self.provider, call.method, call.path)
            await asyncio.sleep(sum(fault.seconds for fault in faults if fault.kind == "delay"))
            answer, cut = self._perform(handler, call, faults)
            self.world.wake.set()
            await asyncio.sleep(sum(fault.seconds for fault in faults if fault.kind == "slow_answer"))
            if cut and request.client:
                self.world.cut((request.client.host, request.client.port))
                await asyncio.sleep(0.01)  # lets the server notice that nobody is there to be answered
            return answer.response()

        return serve

    def _perform(self, handler: Handler, call: Call, faults: list[Fault]) -> tuple[Answer, bool]:
        drop = next((fault for fault in faults if fault.kind == "drop"), None)
        status = next((fault for fault in faults if fault.kind == "status"), None)
        refuse = drop or status
        answer = Answer({}, 500)
        # One transaction for the deed and its log entry: after a kill the log says exactly what was done.
        with self.world.store.transaction():
            if refuse is None or refuse.perform:
                answer = self._handled(handler, call)
            if status is not None and drop is None:
                answer = _gateway_page(status) if status.html else self.fault_answer(status, call.path)
            answer = self._reshaped(answer, faults)
            self._log(call, answer, faults, drop)
        return answer, drop is not None

    def _handled(self, handler: Handler, call: Call) -> Answer:
        try:
            with self.world.store.transaction():
                self.authenticate(self.world, call)
                return handler(self.world, call)
        except Refusal as refusal:
            call.writes.clear()
            return refusal.answer

    def _reshaped(self, answer: Answer, faults: list[Fault]) -> Answer:
        variants = self.world.provider(self.provider).variants
        for fault in faults:
            known = fault.kind == "shape" and fault.variant in variants
            if known and answer.content is None and answer.status < 400:
                answer = Answer(variants[fault.variant](answer.body), answer.status, answer.headers)
        return answer

    def _log(self, call: Call, answer: Answer, faults: list[Fault], drop: Fault | None) -> None:
        outcome = "answered" if drop is None else "cut after" if drop.perform else "cut before"
        self.world.calls.record(
            provider=self.provider,
            method=call.method,
            path=call.path,
            query=call.query,
            headers={k: _masked(k, v) for k, v in call.headers.items()},
            body=call.logged_body(),
            status=None if drop else answer.status,
            outcome=outcome,
            writes=call.writes,
            faults=[fault.id for fault in faults],
            response=answer.body if call.method != "GET" or answer.status >= 400 else None,
        )

    async def _read(self, request: Request) -> Call:
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(name, []).append(value)
        call = Call(
            method=request.method,
            path=request.url.path.removeprefix(self.prefix),
            parameters={name: str(value) for name, value in request.path_params.items()},
            query=query,
            headers=dict(request.headers),
            base_url=f"{request.url.scheme}://{request.headers.get('host', '')}",
            content_type=request.headers.get("content-type", "").split(";")[0].strip().lower(),
        )
        if call.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
            await _read_form(request, call)
        else:
            body = await request.body()
            try:
                call.json = json.loads(body) if body else None
            except ValueError:
                call.malformed = True
        return call


async def _read_form(request: Request, call: Call) -> None:
    try:
        async with request.form(max_part_size=2 * 1024 * 1024) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    content = await value.read()
                    call.uploads.append(
                        Upload(
                            name,
                            value.filename or "file",
                            value.content_type or "application/octet-stream",
                            content,
                        )
                    )
                else:
                    call.fields.setdefault(name, []).append(value)
    except HTTPException:  # what Starlette makes of a broken multipart body
        call.malformed = True


def _gateway_page(fault: Fault) -> Answer:
    page = _GATEWAY_PAGE.format(fault.status).encode()
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer(status=fault.status, content=page, media_type="text/html", headers=headers)


def _masked(name: str, value: str) -> str:
    return f"…{value[-4:]}" if name in _SECRET_HEADERS else value
