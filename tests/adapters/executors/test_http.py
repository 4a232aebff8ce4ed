"""Delivery to ordinary receivers: what is sent, and what their answers mean."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.executors.receivers import (
    CERTIFICATE,
    Receiver,
    answer,
    closing,
    delivered,
    failure,
    make_run,
    post,
    silent,
    with_receiver,
)
from mainspring.adapters.executors.http import Guard, HttpExecutor, Signing
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Broken, Done, Outcome
from mainspring.webhooks import verify
from support.builders import FUNCTION, NOW, TASK_ID, make_task

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("body", ['{"ä": 1}', "plain ü text", "", None])
def test_the_stored_body_is_posted_byte_for_byte(body: str | None) -> None:
    """The receiver gets a POST of exactly the stored bytes; no body is an empty one."""
    outcome, seen = delivered(answer(), body=body, path="/a%2Fb?x=%20&y=1")
    assert outcome == Done(result="")
    (request,) = seen.requests
    assert request.line == "POST /a%2Fb?x=%20&y=1 HTTP/1.1"
    assert request.body == (body or "").encode()
    assert request.header("Content-Length") == str(len(request.body))
    assert request.header("Host") == f"127.0.0.1:{seen.port}"


@pytest.mark.parametrize(("path", "line"), [("", "POST / "), ("?q=1", "POST /?q=1 "), ("/ü#x", "POST /%C3%BC ")])
def test_urls_keep_their_meaning(path: str, line: str) -> None:
    """An empty path is /, what HTTP cannot carry is quoted, a fragment stays at home."""
    _, seen = delivered(answer(), path=path)
    assert seen.requests[0].line.startswith(line)


@pytest.mark.parametrize(
    ("body", "given", "expected"),
    [
        ('{"a": 1}', (), "application/json"),
        ("[1", (), None),
        (None, (), None),
        ("{}", (("content-type", "text/plain"),), "text/plain"),
    ],
)
def test_content_type_is_json_only_where_it_is(
    body: str | None, given: tuple[tuple[str, str], ...], expected: str | None
) -> None:
    """A body that parses as JSON is called so, unless the caller named a type."""
    _, seen = delivered(answer(), body=body, headers=given)
    assert seen.requests[0].header("Content-Type") == expected


def test_headers_of_the_caller_and_ours() -> None:
    """The caller's headers are sent; those that identify the delivery are ours whatever the caller wrote."""
    given = (("X-One", "1"), ("x-mergent-task", "forged"), ("webhook-id", "forged"), ("User-Agent", "mine"))
    _, seen = delivered(answer(), headers=given, now=lambda: NOW)
    request = seen.requests[0]
    assert request.header("X-One") == "1"
    assert request.header("User-Agent") == "mine"
    assert request.header("X-Mergent-Task") == request.header("webhook-id") == TASK_ID
    assert request.header("webhook-timestamp") == str(int(NOW.timestamp()))
    assert request.header("Mainspring-Attempt") == "2"
    assert request.header("Mainspring-Scheduled-For") == "2030-01-02T03:04:05Z"
    assert request.header("webhook-signature") is None
    assert request.header("X-Mergent-Signature") is None


def test_the_user_agent_names_the_version() -> None:
    """Receivers can tell who calls."""
    _, seen = delivered(answer())
    assert (seen.requests[0].header("User-Agent") or "").startswith("mainspring/0.")


def test_deliveries_are_signed_for_both_secrets() -> None:
    """While a secret is replaced, receivers that know either one can verify; Mergent's signature too."""
    signing = Signing(secrets=(SECRET, OLD_SECRET), mergent_secret="12345")
    _, seen = delivered(answer(), body="foo", signing=signing, now=lambda: NOW)
    request = seen.requests[0]
    headers = dict(request.headers)
    for secret in (SECRET, OLD_SECRET):
        assert verify(request.body, headers, secret, now=lambda: NOW).id == TASK_ID
    assert request.header("X-Mergent-Signature") == "QjZpKdTK/iwkUWiz3seoPbJHA0I="
    assert verify(request.body, headers, "12345", scheme="mergent").attempt == 2


def test_each_project_signs_with_its_own_secrets() -> None:
    """Signing may be a function of the project."""
    asked: list[str] = []

    def of(project: str) -> Signing:
        asked.append(project)
        return Signing(mergent_secret="12345")

    delivered(answer(), signing=of)
    assert asked == ["default"]


def test_secrets_are_checked_and_not_shown() -> None:
    """A secret that cannot be one is refused at once, and no repr holds one."""
    with pytest.raises(InvalidInput):
        Signing(secrets=("whsec_short",))
    with pytest.raises(InvalidInput):
        Signing(secrets=(SECRET,) * 3)
    assert "MfKQ" not in repr(Signing(secrets=(SECRET,), mergent_secret="MfKQ"))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int) -> None:
    """Any 2xx is success, with the text of the answer as the result."""
    body = b"" if status == 204 else "grüße".encode()
    outcome, _ = delivered(answer(status, body))
    assert outcome == Done(result=body.decode())


@pytest.mark.parametrize(("status", "success"), [(200, True), (201, True), (202, False), (204, False)])
def test_strict_is_mergents_rule(status: int, success: bool) -> None:
    """In strict mode 200 and 201 only are success."""
    outcome, _ = delivered(answer(status), strict=True)
    assert isinstance(outcome, Done) is success


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(301, False), (302, False), (400, False), (404, False), (410, True), (500, False), (501, True)],
)
def test_everything_else_is_failure(status: int, permanent: bool) -> None:
    """3xx, 4xx and 5xx are failures with their status; only 410 and 501 cannot be mended by another attempt."""
    outcome, seen = delivered(answer(status, b"first line\nsecond\x00 line"))
    broken = failure(outcome)
    assert (broken.kind, broken.status, broken.permanent) == ("status", status, permanent)
    assert broken.message.startswith(f"127.0.0.1:{seen.port} answered {status} ")
    assert broken.message.endswith(": first line second\ufffd line")


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "/elsewhere", "file:///etc/passwd"])
def test_redirects_are_not_followed(target: str) -> None:
    """A redirect is a failure; nobody is called but the receiver, once."""
    outcome, seen = delivered(answer(302, b"", f"Location: {target}"))
    assert "redirects are not followed" in failure(outcome).message
    assert (seen.connections, len(seen.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, ("Retry-After: 7",), timedelta(seconds=7)),
        (503, ("Retry-After: 99999999999999999999",), timedelta(days=365)),
        (503, ("Retry-After: Wed, 02 Jan 2030 03:05:05 GMT",), timedelta(minutes=1)),
        (
            503,
            ("Retry-After: Wed, 02 Jan 2030 03:05:05 GMT", "Date: Wed, 02 Jan 2030 03:05:00 GMT"),
            timedelta(seconds=5),
        ),
        (503, ("Retry-After: Wed, 02 Jan 2002 03:05:05 GMT",), timedelta(0)),
        (503, ("Retry-After: soon",), None),
        (503, ("Retry-After: -5",), None),
        (503, (), None),
        (500, ("Retry-After: 7",), None),
    ],
)
def test_retry_after(status: int, headers: tuple[str, ...], expected: timedelta | None) -> None:
    """429 and 503 may say when to come again, in seconds or as a date relative to the answer's own."""
    outcome, _ = delivered(answer(status, b"", *headers), now=lambda: NOW)
    assert failure(outcome).retry_after == expected


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (gzip.compress("zipped ü".encode(), mtime=0), ("Content-Encoding: gzip",), "zipped ü"),
        (zlib.compress(b"deflated"), ("Content-Encoding: deflate",), "deflated"),
        (b"broken zip", ("Content-Encoding: gzip",), "broken zip"),
        (b"123", ("Content-Encoding: br",), "(3 bytes or more in the coding br)"),
        ("ü".encode("latin-1"), ("Content-Type: text/plain; charset=iso-8859-1",), "ü"),
        (b"\xff", ("Content-Type: text/plain; charset=punycode",), "\ufffd"),
        (b"a\x00b", (), "a\ufffdb"),
    ],
)
def test_results_are_decoded(body: bytes, headers: tuple[str, ...], expected: str) -> None:
    """The result is the text of the answer: decompressed, decoded, and free of what a store refuses."""
    outcome, _ = delivered(answer(200, body, *headers))
    assert outcome == Done(result=expected)


def test_connections_are_kept_and_cookies_are_not() -> None:
    """Deliveries one after another share a connection, and nothing that a receiver set comes back to it."""

    async def use(receiver: Receiver) -> Receiver:
        async with closing(HttpExecutor()) as executor:
            for _ in range(20):
                assert isinstance(await post(executor, receiver.url()), Done)
        return receiver

    seen = asyncio.run(with_receiver(answer(200, b"", "Set-Cookie: a=b; Path=/"), use))
    assert (seen.connections, len(seen.requests)) == (1, 20)
    assert all(request.header("Cookie") is None for request in seen.requests)


def test_proxies_and_netrc_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No environment variable of the worker sends a delivery, or a password, elsewhere."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    outcome, seen = delivered(answer())
    assert isinstance(outcome, Done)
    assert seen.requests[0].header("Authorization") is None


def test_a_refused_connection_is_named() -> None:
    """Nobody listens: kind connect, with host, port and the system's reason, and no path."""
    port = free_port()

    async def use() -> Outcome:
        async with closing(HttpExecutor()) as executor:
            return await post(executor, f"http://127.0.0.1:{port}/path?token=abc")

    broken = failure(asyncio.run(use()))
    assert broken.kind == "connect"
    assert broken.message.startswith(f"127.0.0.1:{port} cannot be reached: ")
    assert "refused" in broken.message.lower()
    assert "token" not in broken.message


def test_an_unknown_host_is_named() -> None:
    """A name that cannot be resolved: kind dns (RFC 6761 keeps .invalid free)."""

    async def use() -> Outcome:
        async with closing(HttpExecutor()) as executor:
            return await post(executor, "http://nowhere.invalid/x")

    broken = failure(asyncio.run(use()))
    assert (broken.kind, broken.permanent) == ("dns", False)
    assert broken.message.startswith("nowhere.invalid:80 cannot be resolved: ")


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a..b", "127.1", "2130706433"])
def test_a_host_that_is_none_is_a_failure(host: str) -> None:
    """A name that no resolver takes, and the short forms of addresses, fail by a plain name too."""

    async def use() -> Outcome:
        async with closing(HttpExecutor()) as executor:
            return await post(executor, f"http://{host}:1/x")

    assert failure(asyncio.run(use())).kind in {"dns", "url", "connect"}


@pytest.mark.parametrize("url", ["http://[:::]/x", "http://[1.2.3.4]/", "http://a..b/", "http://-/"])
def test_odd_urls_are_failures_too(url: str) -> None:
    """A URL that the core lets pass but that cannot be called fails by a plain name, without an exception."""

    async def use() -> Outcome:
        async with closing(HttpExecutor(guard=Guard())) as executor:
            return await post(executor, url)

    assert failure(asyncio.run(use())).kind in {"url", "dns", "blocked"}


def test_a_fault_of_ours_is_an_outcome_too(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong inside is a failure named internal, with its traceback in the log only."""

    def signing(project: str) -> Signing:
        raise RuntimeError("no such project: s3cr3t")

    outcome, seen = delivered(answer(), signing=signing)
    assert failure(outcome).kind == "internal"
    assert failure(outcome).message == f"127.0.0.1:{seen.port} could not be called: RuntimeError"
    assert any(record.exc_info for record in caplog.records)


def test_tls_needs_trust() -> None:
    """A certificate that nobody vouches for is refused (kind tls); one that is trusted is not."""
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))

    async def use(receiver: Receiver) -> tuple[Outcome, Outcome]:
        outcomes = []
        for context in (None, trusting):
            async with closing(HttpExecutor(ssl_context=context)) as executor:
                outcomes.append(await post(executor, receiver.url(scheme="https")))
        return outcomes[0], outcomes[1]

    refused, taken = asyncio.run(with_receiver(answer(), use, tls=True))
    broken = failure(refused)
    assert broken.kind == "tls"
    assert "is not trusted: self" in broken.message
    assert isinstance(taken, Done)


def test_tls_to_a_plain_receiver_is_a_tls_failure() -> None:
    """A handshake with what does not speak TLS is kind tls."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async def use(receiver: Receiver) -> Outcome:
        async with closing(HttpExecutor()) as executor:
            return await post(executor, receiver.url(scheme="https"))

    broken = failure(asyncio.run(with_receiver(plain, use)))
    assert broken.kind == "tls"
    assert "failed the TLS handshake: " in broken.message


def test_sensitive_values_are_never_quoted() -> None:
    """A receiver that repeats the request does not bring a secret into the history."""
    given = (("Authorization", "Bearer s3cr3t-value"), ("X-Api-Key", "k3y-value"), ("X-Note", "plain"))
    echo = b"Authorization: Bearer s3cr3t-value, again s3cr3t-value, X-Api-Key: k3y-value, X-Note: plain"
    for status in (200, 500):
        outcome, _ = delivered(answer(status, echo), headers=given)
        text = outcome.result if isinstance(outcome, Done) else failure(outcome).message
        assert "s3cr3t" not in text
        assert "k3y" not in text
        assert "X-Note: plain" in text


@pytest.mark.parametrize("shown", range(1, 13))
def test_the_beginning_of_a_secret_at_the_cut_is_not_shown(shown: int) -> None:
    """Where the answer is cut in the middle of a repeated secret, its first half does not stay either."""
    echo = b"-" * (65_536 - shown) + b"s3cr3t-value" + b"+" * 100
    outcome, _ = delivered(answer(200, echo), headers=(("X-Token", "s3cr3t-value"),))
    assert isinstance(outcome, Done)
    assert set(outcome.result) <= set("-…" + "[redacted]")
    assert len(outcome.result.encode()) <= 65_536


def test_a_cancelled_delivery_closes_its_connection() -> None:
    """Cancelled by the engine, the executor lets go of the connection: the receiver sees its end."""

    async def scenario() -> None:
        ended = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
            await silent(reader, writer, seen)
            ended.set()

        async def use(receiver: Receiver) -> None:
            async with closing(HttpExecutor()) as executor:
                call = asyncio.ensure_future(post(executor, receiver.url()))
                while not receiver.connections:
                    await asyncio.sleep(0.01)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                await asyncio.wait_for(ended.wait(), 2)

        await with_receiver(script, use)

    asyncio.run(scenario())


def test_other_calls_and_a_closed_executor() -> None:
    """What it cannot do is an outcome too, never an exception."""

    async def use() -> tuple[Outcome, Outcome]:
        executor = HttpExecutor()
        function = await executor.execute(make_task(call=FUNCTION), make_run())
        await executor.close()
        return function, await post(executor, "http://127.0.0.1:1/")

    function, late = asyncio.run(use())
    assert isinstance(function, Broken)
    assert failure(function).kind == "unsupported"
    assert failure(late).kind == "no_executor"
