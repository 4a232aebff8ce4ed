"""The receivers of the how-to, each in its framework, served for real and delivered to by a worker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from docs.blocks import ROOT, blocks
from mainspring.app import Delivery, Mainspring
from mainspring.webhooks import new_secret

PAGE = ROOT / "docs" / "how-to" / "receive-a-task.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here: wheel run")


def snippet(word: str) -> dict[str, Any]:
    """What the page's own part, and the block that holds ``word``, define."""
    python = [one.text for one in blocks(PAGE.read_text(encoding="utf-8")) if one.language == "python"]
    namespace: dict[str, Any] = {"__name__": "receiver"}
    for text in (python[0], next(one for one in python if word in one)):
        exec(compile(text, str(PAGE), "exec"), namespace)  # noqa: S102  that is the point
    return namespace


class Quiet(WSGIRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def wsgi(application: Any) -> Iterator[int]:
    """Serve a WSGI application; gives its port."""
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


@contextlib.contextmanager
def flask() -> Iterator[tuple[int, str]]:
    """The page's Flask receiver."""
    found = snippet("from flask")
    with wsgi(found["web"]) as port:
        yield port, found["SECRET"]


@contextlib.contextmanager
def django() -> Iterator[tuple[int, str]]:
    """The page's Django view, in a project of one path."""
    from django.conf import settings

    found = snippet("from django")
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), SECRET_KEY="x" * 50)
    from django.core.wsgi import get_wsgi_application
    from django.test import override_settings
    from django.urls import path

    with (
        override_settings(ROOT_URLCONF=(path("orders", found["orders"]),), ALLOWED_HOSTS=["*"], MIDDLEWARE=[]),
        wsgi(get_wsgi_application()) as port,
    ):
        yield port, found["SECRET"]


@contextlib.contextmanager
def fastapi() -> Iterator[tuple[int, str]]:
    """The page's FastAPI receiver."""
    import uvicorn

    found = snippet("from fastapi")
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(found["web"], log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
        thread.start()
        yield bound.getsockname()[1], found["SECRET"]
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("framework", [flask, fastapi, django])
def test_the_receiver_of_each_framework_takes_what_is_ours(
    framework: Callable[[], contextlib.AbstractContextManager[tuple[int, str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A delivery that is signed with its secret is done; one that is signed with another is refused."""
    with framework() as (port, secret):
        for used, expected in ((secret, "succeeded"), (new_secret(), "failed")):
            with Mainspring("memory:", delivery=Delivery(secrets=(used,))) as app:
                made = app.sync.enqueue(f"http://127.0.0.1:{port}/orders", body='{"order": 45}', retry="never")
                asyncio.run(app.run_until_idle())
                assert app.sync.get_task(made.id).state.status == expected
    assert capsys.readouterr().out == "order 45\n"
