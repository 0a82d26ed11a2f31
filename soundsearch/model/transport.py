"""Bytes from a web server: one request after another, whose waiting another thread can watch and end."""

import http.client
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

from soundsearch import __version__
from soundsearch.errors import Cancelled, ModelError

CHUNK_BYTES = 1 << 18


class Dropped(Exception):
    """A connection ended, or an answer came that another try may better."""


class Refused(Exception):
    """The server answered with an error that another try will not better.

    Attributes:
        code: HTTP status.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Line:
    """The way to a server. One thread calls `ask` and `read`; others may look at the attributes and `cut` it.

    Attributes:
        received: Bytes read so far, over all answers.
        connecting_since: `time.monotonic()` when the connection that is being made was begun, else infinite.
    """

    def __init__(self, timeout_s: float) -> None:
        self.received = 0
        self.connecting_since = float("inf")
        self._timeout_s = timeout_s
        self._cut = threading.Event()
        self._socket: socket.socket | None = None

    def ask(self, url: str, start: int = 0, etag: str = "", etag_host: str = "") -> "Answer":
        """Ask for a file, or what follows its first `start` bytes.

        `etag` goes along as `If-Range` to `etag_host`, which gave it: another server would take it for a changed file
        and send the whole.

        Raises:
            Dropped: If another try may help.
            Refused: If the server will not give it.
            ModelError: If the server cannot be reached.
        """
        follow = _Follow(start, etag, etag_host)
        opener = urllib.request.build_opener(follow, _Http(self), _Https(self))
        request = urllib.request.Request(url)
        request.add_header("User-Agent", f"soundsearch/{__version__}")
        request.add_header("Accept-Encoding", "identity")  # sizes and ranges are those of the file itself
        follow.ask_for_rest(request)
        try:
            response: http.client.HTTPResponse = opener.open(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as err:
            err.close()
            if err.code in (408, 425, 429) or err.code >= 500:
                raise Dropped(f"the server answers with error {err.code}") from err
            raise Refused(err.code) from err
        except urllib.error.URLError as err:
            raise self._unreachable(url, err.reason) from err
        except (OSError, http.client.HTTPException) as err:
            raise self._dropped(err) from err
        follow.keep(response.headers)
        return Answer(response, follow.linked_etag, follow.linked_size)

    def read(self, answer: "Answer") -> bytes:
        """Return what has come of an answer, b"" at its end.

        Raises:
            Dropped: If the connection was lost.
        """
        try:
            data = answer.response.read1(CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as err:
            raise self._dropped(err) from err
        self.check()
        self.received += len(data)
        return data

    def cut(self) -> None:
        """End it from another thread, even while it waits for bytes: what it does raises `Cancelled`."""
        self._cut.set()
        if connection := self._socket:
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # under TLS, without its farewell
            except OSError:
                pass  # it has ended by itself

    def check(self) -> None:
        """Raise `Cancelled` if it was cut."""
        if self._cut.is_set():
            raise Cancelled

    def pause(self, seconds: float) -> None:
        """Wait, unless it is cut."""
        self._cut.wait(seconds)
        self.check()

    @contextmanager
    def connecting(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        """Goes around each `connect`, those after a redirect as well."""
        self.connecting_since = time.monotonic()
        try:
            yield
        finally:
            self.connecting_since = float("inf")
        self._socket = connection.sock
        self.check()

    def _dropped(self, err: Exception) -> Exception:
        self.check()
        silent = isinstance(err, TimeoutError)
        return Dropped("the server fell silent" if silent else "the connection was lost")

    def _unreachable(self, url: str, reason: object) -> Exception:
        self.check()
        name = host(url)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ModelError(f"The certificate of {name} cannot be verified.", "Check the clock and the network.")
        if self.received:  # it was there a moment ago
            return Dropped("the connection was lost")
        if isinstance(reason, socket.gaierror):
            return ModelError(f"Cannot find {name}.", "Check the network, and the address if it is a mirror's.")
        text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
        return ModelError(f"Cannot reach {name}: {text}.", "Check the network, and try again.")


class Answer:
    """What a server sent back: close it after use, or use it in a `with` statement.

    Attributes:
        etag: What the host that answered knows the file by, "" if it does not say or only roughly.
        host: That host, after redirects.
        digest_etag: What the hub knows the file by: its own word for a file that lies elsewhere, else `etag`.
        start: First byte of the file that is sent; -1 if a part is sent and that is not said properly.
        size: Length of the whole file, None if it is not said. A hub's own word wins over the storage's.
        stated_size: What the answer itself says, to be compared with `size`.
    """

    def __init__(self, response: http.client.HTTPResponse, linked_etag: str, linked_size: int | None) -> None:
        headers = response.headers
        self.response = response
        self.host = host(response.url)
        etag = headers.get("ETag", "")
        self.etag = etag if etag.startswith('"') else ""  # a weak one must not be used with ranges
        self.digest_etag = (linked_etag or etag).removeprefix("W/").strip('"')
        self.is_web_page = headers.get_content_type() == "text/html"
        length = headers.get("Content-Length", "")
        self.start, self.stated_size = 0, int(length) if length.isdigit() else None
        if response.status == 206:
            span = re.match(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
            self.start, self.stated_size = (int(span[1]) or -1, int(span[2])) if span else (-1, None)
        self.size = linked_size if linked_size is not None else self.stated_size

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.response.close()


def host(url: str) -> str:
    """Return the host of an address, with its port if one is given."""
    return urllib.parse.urlsplit(url).netloc


class _Follow(urllib.request.HTTPRedirectHandler):
    """Follows a hub to the host of its large files, keeps what it says on the way, and asks on for the rest."""

    def __init__(self, start: int, etag: str, etag_host: str) -> None:
        self.linked_etag = ""
        self.linked_size: int | None = None
        self._start, self._etag, self._etag_host = start, etag, etag_host

    def ask_for_rest(self, request: urllib.request.Request) -> None:
        request.remove_header("If-range")
        if self._start:
            request.add_header("Range", f"bytes={self._start}-")
            if self._etag and host(request.full_url) == self._etag_host:
                request.add_header("If-Range", self._etag)

    def keep(self, headers: http.client.HTTPMessage) -> None:
        self.linked_etag = headers.get("X-Linked-Etag", self.linked_etag)
        size = headers.get("X-Linked-Size", "")
        self.linked_size = int(size) if size.isdigit() else self.linked_size

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self.keep(headers)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.HTTPError(newurl, code, "redirect to an unprotected address", headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request:
            self.ask_for_rest(request)
        return request


class _HttpConnection(http.client.HTTPConnection):
    def __init__(self, line: Line, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._line = line

    def connect(self) -> None:
        with self._line.connecting(self):
            super().connect()


class _HttpsConnection(http.client.HTTPSConnection):
    def __init__(self, line: Line, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._line = line

    def connect(self) -> None:
        with self._line.connecting(self):
            super().connect()


class _Http(urllib.request.HTTPHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_HttpConnection, self._line), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(partial(_HttpsConnection, self._line), req, context=context)
