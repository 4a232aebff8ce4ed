"""How requests are made with aiohttp: one session, opened when it is first used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from ssl import SSLContext
from typing import TYPE_CHECKING, Final

from mainspring.client.errors import NotSent, error_of
from mainspring.client.streams import MAX_LINE
from mainspring.client.wire import MAX_ANSWER, Address, Call, Reply
from mainspring.core.errors import Unavailable

if TYPE_CHECKING:
    from aiohttp import ClientSession

QUIET_LIMIT: Final = 60.0
"""Seconds without a line (the server sends a comment every 15) after which a stream counts as lost."""


class AsyncTransport:
    """Requests to one server."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], timeout_seconds: float, tls: SSLContext | None
    ) -> None:
        self._address: Final = address
        self._headers: Final = headers
        self._timeout: Final = timeout_seconds
        self._tls: Final = tls
        self._session: ClientSession | None = None

    def _opened(self) -> ClientSession:
        from aiohttp import ClientSession, ClientTimeout, TCPConnector

        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(ssl=self._tls or True, limit=100),
                timeout=ClientTimeout(total=None),
                headers=dict(self._headers),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=MAX_LINE,
                skip_auto_headers=("Accept-Encoding",),
            )
            # aiohttp sends some requests again by itself, without telling: here it is told how often, and why
            self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def exchange(self, call: Call) -> Reply:
        """Make a request once; ``NotSent`` or ``Unavailable`` if it has no answer."""
        from aiohttp import ClientConnectorError, ClientError
        from yarl import URL

        url = URL(self._address.origin + call.target, encoded=True)
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._opened().request(
                    call.method, url, data=call.body, headers=call.headers, allow_redirects=False
                ) as response,
            ):
                body = await response.content.read(0)
                while len(body) <= MAX_ANSWER and (part := await response.content.read(MAX_ANSWER)):
                    body += part
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(status=response.status, headers=headers, body=body)
        except ClientConnectorError as error:
            raise NotSent(self._address.origin, f"no connection ({error.strerror or error})", CURE) from error
        except TimeoutError as error:
            raise Unavailable(self._address.origin, f"no answer within {self._timeout:g}s", CURE) from error
        except (ClientError, OSError) as error:
            what = f"the connection was lost ({type(error).__name__})"
            raise Unavailable(self._address.origin, what, CURE) from error

    async def lines(self, call: Call) -> AsyncIterator[str]:
        """Make a request whose answer is read line by line, until it ends."""
        from aiohttp import ClientConnectorError, ClientError
        from yarl import URL

        url = URL(self._address.origin + call.target, encoded=True)
        try:
            async with self._opened().request(
                call.method, url, headers=call.headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    body = await asyncio.wait_for(response.content.read(MAX_LINE), self._timeout)
                    raise error_of(response.status, body, call.target)
                while line := await asyncio.wait_for(response.content.readline(), QUIET_LIMIT):
                    yield line.decode().rstrip("\r\n")
        except ClientConnectorError as error:
            raise NotSent(self._address.origin, f"no connection ({error.strerror or error})", CURE) from error
        except TimeoutError as error:
            raise Unavailable(self._address.origin, "the stream has gone silent", CURE) from error
        except (ClientError, OSError, ValueError) as error:
            what = f"the stream was lost ({type(error).__name__})"
            raise Unavailable(self._address.origin, what, CURE) from error


CURE: Final = "is the server up, and its address right?"
