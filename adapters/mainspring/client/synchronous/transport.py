"""How requests are made with the standard library: blocking sockets, kept open for the next request. No event loop."""

from __future__ import annotations

import http.client
import select
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Final

from mainspring.client.errors import NotSent, error_of
from mainspring.client.streams import MAX_LINE
from mainspring.client.wire import MAX_ANSWER, Address, Call, Reply
from mainspring.core.errors import Unavailable

QUIET_LIMIT: Final = 60.0
"""Seconds without a line (the server sends a comment every 15) after which a stream counts as lost."""

MAX_IDLE: Final = 10
CURE: Final = "is the server up, and its address right?"


class Transport:
    """Requests to one server; threads may share it, each request has a connection of its own."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], timeout_seconds: float, tls: ssl.SSLContext | None
    ) -> None:
        self._address: Final = address
        self._headers: Final = headers
        self._timeout: Final = timeout_seconds
        self._tls: Final = (tls or ssl.create_default_context()) if address.secure else None
        self._idle: Final[list[http.client.HTTPConnection]] = []
        """Appended to and popped from, each of which is atomic."""

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def exchange(self, call: Call) -> Reply:
        """Make a request once; ``NotSent`` or ``Unavailable`` if it has no answer."""
        end = time.monotonic() + self._timeout
        connection = self._connected(self._timeout)
        try:
            reply = self._answered(connection, call, end)
        except TimeoutError as error:
            connection.close()
            raise Unavailable(self._address.origin, f"no answer within {self._timeout:g}s", CURE) from error
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            what = f"the connection was lost ({type(error).__name__})"
            raise Unavailable(self._address.origin, what, CURE) from error
        if connection.sock is not None and len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def _answered(self, connection: http.client.HTTPConnection, call: Call, end: float) -> Reply:
        connection.request(
            call.method, self._address.path + call.target, body=call.body, headers={**self._headers, **call.headers}
        )
        self._bound(connection, end)
        response = connection.getresponse()
        body = bytearray()
        while len(body) <= MAX_ANSWER:
            self._bound(connection, end)
            part = response.read1(65_536)
            if not part:
                break
            body += part
        headers = {name.lower(): value for name, value in response.getheaders()}
        if not response.isclosed():
            connection.close()  # more than is read
        return Reply(status=response.status, headers=headers, body=bytes(body))

    def _bound(self, connection: http.client.HTTPConnection, end: float) -> None:
        """Let the next read wait only for what is left of the time."""
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)

    def _connected(self, timeout_seconds: float) -> http.client.HTTPConnection:
        """Take a connection that is open and quiet, or make one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                connection.sock.settimeout(timeout_seconds)
                return connection
            connection.close()  # the server has closed it, or says what was not asked
        place = self._address
        made: http.client.HTTPConnection
        if self._tls is not None:
            made = http.client.HTTPSConnection(place.host, place.port, timeout=timeout_seconds, context=self._tls)
        else:
            made = http.client.HTTPConnection(place.host, place.port, timeout=timeout_seconds)
        try:
            made.connect()
        except (OSError, UnicodeError) as error:
            raise NotSent(place.origin, f"no connection ({error})", CURE) from error
        return made

    def lines(self, call: Call) -> Iterator[str]:
        """Make a request whose answer is read line by line, until it ends."""
        connection = self._connected(self._timeout)
        try:
            connection.request(call.method, self._address.path + call.target, headers={**self._headers, **call.headers})
            response = connection.getresponse()
            if response.status != 200:
                raise error_of(response.status, response.read(MAX_LINE), call.target)
            if connection.sock is not None:
                connection.sock.settimeout(QUIET_LIMIT)
            while line := response.readline(MAX_LINE):
                yield line.decode().rstrip("\r\n")
        except TimeoutError as error:
            raise Unavailable(self._address.origin, "the stream has gone silent", CURE) from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            what = f"the stream was lost ({type(error).__name__})"
            raise Unavailable(self._address.origin, what, CURE) from error
        finally:
            connection.close()
