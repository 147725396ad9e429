"""A stand-in for Mailgun's API, the only part that is imitated: it takes mails, and tells what became of each."""

from __future__ import annotations

import json
import threading
import time
import uuid
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

PAGE = 300
DOMAIN = "mail.test"


class Mail:
    """One mail as one recipient got it."""

    def __init__(self, recipient: str, fields: dict[str, list[str]], variables: dict[str, Any]) -> None:
        def filled(text: str) -> str:
            for name, value in variables.items():
                text = text.replace(f"%recipient.{name}%", str(value))
            return text

        self.recipient, self.subject = recipient, filled(fields["subject"][0])
        self.html = filled(fields.get("html", [""])[0])
        self.email_id = fields.get("v:email-id", [""])[0]
        named = filled(fields.get("h:Message-Id", [""])[0]).strip("<>")
        self.message_id = named or f"{self.email_id}@{DOMAIN}"


class Mailgun:
    """Listens on this machine.

    Attributes:
        mails: Every mail that was accepted, by recipient.
    """

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self._events: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def accept(self, fields: dict[str, list[str]]) -> str:
        """Take one call's mails, and deliver them at once."""
        variables = json.loads(fields.get("recipient-variables", ["{}"])[0])
        recipients = [address.strip() for value in fields["to"] for address in value.split(",")]
        mails = [Mail(recipient, fields, variables.get(recipient, {})) for recipient in recipients]
        with self._lock:
            self.mails += mails
        for mail in mails:
            self.tell(mail, "delivered")
        return f"<{mails[0].message_id}>"

    def tell(self, mail: Mail, event: str) -> None:
        """Note that a mail was "delivered" or "opened"."""
        with self._lock:
            self._events.append(
                {
                    "id": uuid.uuid4().hex,
                    "event": event,
                    "recipient": mail.recipient,
                    "timestamp": time.time(),
                    "tags": ["ghost-email", "bulk-email"],
                    "user-variables": {"email-id": mail.email_id},
                    "message": {"headers": {"message-id": mail.message_id}},
                }
            )

    def events(self, asked: dict[str, list[str]], place: int) -> tuple[list[dict[str, Any]], int]:
        """Return a page of events from the oldest on, and where the next one begins."""
        begin = float(asked.get("begin", ["0"])[0])
        end = float(asked.get("end", ["inf"])[0])
        wanted = asked.get("event", [""])[0]
        with self._lock:
            found = [
                event
                for event in self._events
                if begin <= event["timestamp"] <= end and (not wanted or event["event"] in wanted)
            ]
        return found[place : place + PAGE], place + PAGE


def _fields(headers: Message, body: bytes) -> dict[str, list[str]]:
    kind = headers.get("Content-Type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode())
    form = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields: dict[str, list[str]] = {}
    for part in form.get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields.setdefault(name, []).append(content.decode())
    return fields


def _handler(mailgun: Mailgun) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer({"id": mailgun.accept(_fields(self.headers, body)), "message": "Queued. Thank you."})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            place = parts.path.rpartition("/events")[2].strip("/")
            items, following = mailgun.events(parse_qs(parts.query), int(place or 0))
            base = f"{mailgun.url}{parts.path.partition('/events')[0]}/events"
            paging = {name: f"{base}/{where}" for name, where in (("next", following), ("first", 0), ("last", 0))}
            self._answer({"items": items, "paging": {**paging, "previous": f"{base}/0"}})

        def _answer(self, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
