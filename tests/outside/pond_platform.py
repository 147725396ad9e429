"""The platform of the outside connector: a pond with ducks, over a real socket."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "quack-quack-quack"
REFUSED, UNKNOWN, WRONG = 422, 404, 401


class PondPlatform:
    """Ducks by id, fields and labels; `ignoring` answers writes as if they were done."""

    def __init__(self) -> None:
        self.ducks: dict[str, dict[str, Any]] = {}
        self.fields = {"swims": "text", "homeland": "text"}
        self.labels: set[str] = set()
        self.ignoring = False
        self._lock, self._number = threading.RLock(), 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
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
            return key

    def change(self, key: str, **parts: Any) -> None:
        """Change a duck: ``news``, ``labels`` or ``values``."""
        with self._lock:
            self.ducks[key] |= {**parts, "changed": self._moment()}

    def _moment(self) -> str:
        self._number += 1  # no two changes are of one moment
        return (datetime.now(UTC) + timedelta(microseconds=self._number)).isoformat()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Answer one request."""
        with self._lock:
            if path == "/ducks":
                return 200, self._listed(query)
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
