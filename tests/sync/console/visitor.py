"""A console that runs, and a browser's session in it, over real sockets."""

from __future__ import annotations

import html
import http.client
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from urllib3.filepost import encode_multipart_formdata

from sync.clock import now
from sync.console.server import listen_locally, serve_console

TOKEN = re.compile(r'name="token" value="(\w+)"')


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        """The page without tags, as it is read."""
        body = self.text.partition("</head>")[2]
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)))


@dataclass
class Visitor:
    """Asks pages as a browser does."""

    link: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.link.split("/")[2]

    def ask(self, method: str, path: str, body: str | bytes = "", **headers: str) -> Answer:
        sent = {"Origin": f"http://{self.host}", **self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection(self.host, timeout=300)
        try:
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode("utf-8"))
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, token: str, **fields: str) -> Answer:
        return self.ask("POST", path, urlencode({"token": token, **fields}))

    def enter(self) -> Answer:
        """Open the one-time link, and keep the session."""
        answer = self.ask("POST", "/open/" + self.link.rpartition("/")[2])
        if "set-cookie" in answer.headers:
            self.headers["Cookie"] = answer.headers["set-cookie"].split(";")[0]
        return answer

    def token(self, path: str = "/plans") -> str:
        match = TOKEN.search(self.get(path).text)
        assert match is not None
        return match.group(1)

    def done(self, started: Answer) -> Answer:
        """Follow a post to its task, whose page ends when the task does."""
        assert started.status == 303, started.words
        return self.get(started.headers["location"])


@contextmanager
def visiting(folder: Path, environment: Mapping[str, str], *, enter: bool = True) -> Iterator[Visitor]:
    """Serve the console of a workspace while the block runs."""
    known = threading.Event()
    links: list[str] = []
    ends: list[Callable[[], None]] = []

    def ready(link: str, end: Callable[[], None]) -> None:
        links.append(link)
        ends.append(end)
        known.set()

    with listen_locally(0) as listening:
        arguments = {"now": now, "environment": environment, "listening": listening, "ready": ready}
        server = threading.Thread(target=serve_console, args=(folder,), kwargs=arguments)
        server.start()
        try:
            assert known.wait(300)
            visitor = Visitor(links[0])
            if enter:
                assert visitor.enter().status == 303
            yield visitor
        finally:
            for end in ends:
                end()
            server.join(300)


def hand_in(visitor: Visitor, name: str, content: bytes, *, token: str | None = None, **headers: str) -> Answer:
    """Send a file as a browser does."""
    token = visitor.token("/surveys") if token is None else token
    body, kind = encode_multipart_formdata([("token", token), ("answers", (name, content))])
    return visitor.ask("POST", "/surveys/answers/keep", body, Content_Type=kind, **headers)
