"""HTTP/1.1 as the server speaks it: uvicorn's protocol, with a bound on headers, and JSON in each answer."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 524_288
"""How many bytes may come before the end of the headers (what comes in one piece with them counts too)."""

_BODY: Final = b'{"message":"this is no HTTP request that can be read"}'


class BoundedProtocol(HttpToolsProtocol):
    """What cannot be read is answered as everything else is: in JSON, with a ``message``."""

    _head = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Read on; give up on headers that do not end."""
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response("")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers have ended."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and hang up."""
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"cache-control: no-store\r\ncontent-length: " + str(len(_BODY)).encode() + b"\r\n\r\n"
        )
        self.transport.write(head + _BODY)
        self.transport.close()
