"""The platform of the outside connector: a pond with ducks, over a real socket. It tells others what happens."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import secrets
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

TOKEN = "quack-quack-quack"
REFUSED, UNKNOWN, WRONG = 422, 404, 401


def signature(secret: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """Return the headers of a delivery."""
    stamp = str(int((at or datetime.now(UTC)).timestamp() * 1000))
    digest = hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Pond-Signature": f"sha256={digest}, t={stamp}"}


class PondPlatform:
    """Ducks by id, fields and labels; `ignoring` answers writes as if they were done."""

    def __init__(self) -> None:
        self.ducks: dict[str, dict[str, Any]] = {}
        self.fields = {"swims": "text", "homeland": "text"}
        self.labels: set[str] = set()
        self.ignoring = False
        self.hooks: list[dict[str, Any]] = []
        self.told: list[tuple[str, int]] = []  # the duck of each event that was delivered, and the answer's status
        self._letters: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._lock, self._number = threading.RLock(), 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._postman = threading.Thread(target=self._deliver, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._postman.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._letters.put(None)
        self._postman.join()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, mail: str | None, *, news: bool = True, **values: str) -> str:
        """Put a duck on the pond."""
        with self._lock:
            self._number += 1
            key, at = f"d{self._number:05d}", self._moment()
            duck: dict[str, Any] = {
                "id": key,
                "mail": mail,
                "news": news,
                "values": values,
                "labels": [],
                "made": at,
                "changed": at,
            }
            self.ducks[key] = duck
            self._tell(key, "duck.landed", [])
            return key

    def change(self, key: str, **parts: Any) -> None:
        """Change a duck: ``news``, ``labels`` or ``values``."""
        with self._lock:
            known = dict(self.ducks[key]["values"])
            self.ducks[key] |= {**parts, "changed": self._moment()}
            moved = [name for name, value in self.ducks[key]["values"].items() if value != known.get(name)]
            self._tell(key, "duck.changed", moved)

    def _tell(self, key: str, what: str, names: list[str]) -> None:
        duck = self.ducks[key]
        event = {"duck": key, "what": what, "at": duck["changed"], "values": {n: duck["values"][n] for n in names}}
        if self.hooks:
            self._letters.put(event)

    def _deliver(self) -> None:
        """Send each event to every hook, signed; one that nobody takes is lost, as on many platforms."""
        while (event := self._letters.get()) is not None:
            body = json.dumps({"events": [event]}).encode()
            for hook in self.hooks:
                request = Request(hook["url"], body, signature(hook["secret"], body))  # noqa: S310 - of this machine
                try:
                    with urlopen(request, timeout=10) as answer:  # noqa: S310
                        self.told.append((event["duck"], answer.status))
                except HTTPError as error:
                    self.told.append((event["duck"], error.code))
                except URLError:
                    self.told.append((event["duck"], 0))

    def _moment(self) -> str:
        self._number += 1  # no two changes are of one moment
        return (datetime.now(UTC) + timedelta(microseconds=self._number)).isoformat()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Answer one request."""
        with self._lock:
            if path == "/ducks":
                return 200, self._listed(query)
            if path == "/hooks":
                return self._hooked(body if method == "POST" else None)
            if path in {"/fields", "/labels"}:
                return self._definitions(path[1:], body if method == "POST" else None)
            return self._batch(body["ducks"]) if path == "/ducks/batch" else (UNKNOWN, {"message": "no such path"})

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        if "ids" in query:
            asked = [self.ducks[key] for key in query["ids"].split(",") if key in self.ducks]
            return {"ducks": asked, "next": None, "total": len(asked)}
        ducks = sorted(self.ducks.values(), key=lambda duck: (duck["changed"], duck["id"]))
        if "mails" in query:
            ducks = [duck for duck in ducks if (duck["mail"] or "").lower() in query["mails"].split(",")]
        ducks = [duck for duck in ducks if duck["changed"] >= query.get("since", "")]
        total = len(ducks)
        ducks = [duck for duck in ducks if f"{duck['changed']} {duck['id']}" > query.get("after", "")]
        some = ducks[: int(query.get("limit", 100))]
        following = f"{some[-1]['changed']} {some[-1]['id']}" if len(some) < len(ducks) else None
        return {"ducks": some, "next": following, "total": total}

    def _hooked(self, body: Any) -> tuple[int, Any]:
        if body is None:
            return 200, {"hooks": [{"url": hook["url"]} for hook in self.hooks]}
        self.hooks.append({"url": body["url"], "secret": secrets.token_hex(16)})
        return 200, self.hooks[-1]

    def _definitions(self, what: str, body: Any) -> tuple[int, Any]:
        if body is not None and what == "labels":
            self.labels.add(body["name"])
        elif body is not None:
            self.fields[body["name"]] = body["type"]
        fields = [{"name": name, "label": name, "type": kind} for name, kind in self.fields.items()]
        return 200, {"labels": sorted(self.labels), "fields": fields}

    def _batch(self, wanted: list[dict[str, Any]]) -> tuple[int, Any]:
        unknown = [duck["id"] for duck in wanted if duck["id"] not in self.ducks]
        unknown += [name for duck in wanted for name in duck["values"] if name not in self.fields]
        if unknown:
            return REFUSED, {"message": f"nobody knows {unknown[0]}", "code": "unknown"}
        for duck in wanted:
            known = self.ducks[duck["id"]]
            values = {**known["values"], **{name: value or "" for name, value in duck["values"].items()}}
            labels = sorted({*known["labels"], *duck["add"]} - set(duck["drop"]))
            if not self.ignoring:
                self.change(duck["id"], values=values, labels=labels, news=duck.get("news", known["news"]))
        return 200, {"ducks": [self.ducks[duck["id"]] for duck in wanted]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pond = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                known = self.headers.get("X-Pond-Token") == TOKEN
                status, answer = (
                    pond.answer(self.command, parts.path, query, body) if known else (WRONG, {"message": "who are you"})
                )
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _serve  # noqa: N815 - http.server names them

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler
