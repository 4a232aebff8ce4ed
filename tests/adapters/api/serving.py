"""A real server in this process, on a real socket: its store, its keys, and a client that says what came back."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import json
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from mainspring.adapters.api import ApiSettings
from mainspring.adapters.chance import SystemEntropy
from mainspring.app import Delivery, Mainspring
from mainspring.app.access import first_key, make_project
from mainspring.app.serving import Server, ServerSettings, address_of, listen
from mainspring.core.access import KEY_ENTROPY, Scope, new_key

URL = "https://example.com/hook"
REQUEST = {"url": URL}


@frozen
class Reply:
    """What came back; ``json`` is its body as plain data (None: there was none)."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as plain data; every body of the API is JSON."""
        if not self.body:
            return None
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


class Api(AbstractContextManager["Api"]):
    """A server that runs in a thread of its own for as long as the block lasts."""

    def __init__(self, store: str, *, worker: bool = False, settings: ApiSettings | None = None) -> None:
        self.app = Mainspring(store, delivery=Delivery(guard=True, allow_loopback=True))
        self.key = first_key(self.app.directory, "127.0.0.1") or ""
        self._settings = ServerSettings(worker=worker, api=settings or ApiSettings(rate_limit=0, open_metrics=True))
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._socket = listen("127.0.0.1", 0)
        self.url = address_of(self._socket)
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.errors: list[BaseException] = []

    def __enter__(self) -> Api:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.app.close()
        assert not self.errors

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        if self._loop is not None and self._server is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.errors.append(error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = self.app.server(self._settings)
        await self._server.run(self._socket, self._ready.set)

    def make_key(self, scope: Scope = "write", project: str = "default") -> str:
        """Make a key, and the project if there is none."""
        if project not in {one.name for one in self.app.directory.projects()}:
            make_project(self.app.directory, project)
        entropy = SystemEntropy().octets(KEY_ENTROPY)
        text, key = new_key(project=project, scope=scope, at=datetime.now(UTC), entropy=entropy)
        self.app.directory.add_key(key)
        return text

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """Make a request: ``body`` as JSON, or ``raw`` as it is; ``key`` empty sends none."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        used = self.key if key is None else key
        if used and "authorization" not in given:
            given["authorization"] = f"Bearer {used}"
        data = raw if body is None else json.dumps(body).encode()
        if body is not None:
            given.setdefault("content-type", "application/json")
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        try:
            connection.request(method, path, body=data, headers=given)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, found, response.read())
        finally:
            connection.close()


@frozen
class Got:
    """A delivery as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver(AbstractContextManager["Receiver"]):
    """Takes deliveries on a loopback address in a thread of its own; below ``/fails`` it answers 500 with an echo."""

    def __init__(self) -> None:
        self.requests: list[Got] = []
        received = self.requests

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                received.append(Got(self.path, dict(self.headers.items()), body))
                fails = self.path.startswith("/fails")
                said = repr(dict(self.headers)).encode() + body if fails else b"ok"
                self.send_response(500 if fails else 200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join(20)
        self._server.server_close()

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"
