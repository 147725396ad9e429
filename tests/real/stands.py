"""Both servers as the conformance kit asks for a platform: every deed goes through their own APIs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from connectors import bottlecrm, ghost
from connectors.base import Delivery
from connectors.base.protocols import property_text
from connectors.connector import Connection, Connector, Webhook
from connectors.ghost.connector import Ghost
from connectors.secret import Secret
from connectors.spec import ConnectorSpec, parse_spec
from tests.real.bottlecrm import BottleServer
from tests.real.ghost import GhostServer
from tests.real.processes import until

CONNECTORS = Path(ghost.__file__).parents[1]
NO_MAIL = "no_mail"  # a checkbox of contacts: BottleCRM itself knows no opt-out from e-mail


def spec_of(name: str) -> ConnectorSpec:
    """Return the spec beside a connector."""
    path = CONNECTORS / name / f"{name}.toml"
    return parse_spec(path.read_text("utf-8"), where=path.name)


class Postbox:
    """Listens on this machine, and keeps what arrives: headers as a server of ours gets them, and the body."""

    def __init__(self) -> None:
        arrived: list[tuple[list[tuple[bytes, bytes]], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                arrived.append(([(n.lower().encode(), v.encode()) for n, v in self.headers.items()], body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
                """Say nothing."""

        self.arrived = arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class GhostStand:
    """A site of Ghost."""

    spec = spec_of("ghost")
    factory: Callable[[Connection], Connector] = ghost.connect
    settings: Mapping[str, str] = {}
    text_property = "note"

    def __init__(self, server: GhostServer) -> None:
        self.server, self.base_url, self.secret = server, server.api, server.key
        server.empty()
        self.post: Postbox | None = None
        self.signed_with = Secret("")

    def close(self) -> None:
        """Take no more webhooks."""
        if self.post is not None:
            self.post.close()

    def _member(self, key: str) -> Any:
        return self.server.call("GET", f"members/{key}/")["members"][0]

    def _edit(self, key: str, **values: Any) -> None:
        self.server.call("PUT", f"members/{key}/", {"members": [values]})

    def add(self, email: str, *, text: str = "") -> str:
        member = {"email": email, **({"note": text} if text else {})}
        return str(self.server.call("POST", "members/", {"members": [member]})["members"][0]["id"])

    def edit(self, key: str, name: str, value: str) -> None:
        self._edit(key, **{name: value} if name == self.text_property else {"metafields": {"custom": {name: value}}})

    def opt_out(self, key: str) -> None:
        self._edit(key, newsletters=[])

    def delete(self, key: str) -> None:
        self.server.call("DELETE", f"members/{key}/")

    def enter(self, key: str, group: str) -> None:
        self._edit(key, labels=[*self._member(key)["labels"], {"name": group}])

    def shows(self, key: str) -> Mapping[str, str]:
        member = self._member(key)
        shown = {**member["metafields"]["custom"], self.text_property: member["note"]}
        return {name: value for name, value in shown.items() if value}

    def groups(self, key: str) -> Collection[str]:
        return [label["name"] for label in self._member(key)["labels"]]

    def subscribed(self, key: str) -> bool:
        return bool(self._member(key)["newsletters"])

    def delivery(self, key: str) -> Delivery:
        """What Ghost itself sends when a member is edited, to a webhook that the connector registered."""
        post = self.post = self.post or self._registered()
        post.arrived.clear()
        self.edit(key, self.text_property, f"edited {time.monotonic_ns()}")
        until(lambda: any(key.encode() in body for _, body in post.arrived), "Ghost sends no webhook")
        headers, body = next(pair for pair in post.arrived if key.encode() in pair[1])
        return Delivery(
            "POST", post.url, headers, body, datetime.now(UTC), self.signed_with, spec=self.spec.as_mapping()
        )

    def _registered(self) -> Postbox:
        post, spec = Postbox(), self.spec.as_mapping()
        connector = Ghost(Connection("kit", {"base_url": self.base_url}, spec, Secret(self.secret)))
        self.signed_with = connector.register(Webhook(post.url, ("member.edited",), ()))
        connector.close()
        return post

    def count(self) -> int:
        return int(self.server.call("GET", "members/", limit=1)["meta"]["pagination"]["total"])


class BottleStand:
    """An organisation of BottleCRM."""

    spec = spec_of("bottlecrm")
    factory: Callable[[Connection], Connector] = bottlecrm.connect
    settings: Mapping[str, str] = {"opt_out_field": NO_MAIL}
    text_property = "city"

    def __init__(self, server: BottleServer) -> None:
        self.server, self.base_url, self.secret = server, server.url, server.token
        server.empty()
        field = {"target_model": "Contact", "key": NO_MAIL, "label": "No mail", "field_type": "checkbox"}
        server.call("POST", "custom-fields/", field)

    def _contact(self, key: str) -> Any:
        return self.server.call("GET", f"contacts/{key}/")["contact_obj"]

    def _edit(self, key: str, **values: Any) -> None:
        self.server.call("PATCH", f"contacts/{key}/", values)

    def add(self, email: str, *, text: str = "") -> str:
        contact = {"first_name": "Jun", "last_name": "Imber", "email": email, "city": text}
        return str(self.server.call("POST", "contacts/", contact)["id"])

    def edit(self, key: str, name: str, value: str) -> None:
        self._edit(key, **{name: value} if name == self.text_property else {"custom_fields": {name: value}})

    def opt_out(self, key: str) -> None:
        self._edit(key, custom_fields={NO_MAIL: True})

    def delete(self, key: str) -> None:
        self.server.call("DELETE", f"contacts/{key}/")

    def enter(self, key: str, group: str) -> None:
        made = self.server.call("POST", "tags/", {"name": group})["tag"]["id"]
        self._edit(key, tags=[*self._contact(key)["tags"], made])

    def shows(self, key: str) -> Mapping[str, str]:
        contact = self._contact(key)
        shown = {**contact["custom_fields"], self.text_property: contact["city"]}
        return {name: text for name, value in shown.items() if (text := property_text(value))}

    def groups(self, key: str) -> Collection[str]:
        names = {tag["id"]: tag["name"] for tag in self.server.call("GET", "tags/", limit=1000)["tags"]}
        return [names[tag] for tag in self._contact(key)["tags"]]

    def subscribed(self, key: str) -> bool:
        return self._contact(key)["custom_fields"].get(NO_MAIL) is not True

    def delivery(self, key: str) -> Delivery:
        raise NotImplementedError  # its webhooks go to public https addresses only: the spec claims no events

    def count(self) -> int:
        return int(self.server.call("GET", "contacts/", limit=1)["count"])
