"""A BottleCRM of our own: PostgreSQL and gunicorn with an empty organisation, and what people do there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.real.install import install_bottlecrm, run
from tests.real.processes import free_port, postgres, running

OWNER = "owner@crm.example"
ORGANISATION = "Shop"
WORKERS = 4  # as many as the connector asks at once


@dataclass(frozen=True)
class BottleServer:
    """A running BottleCRM.

    Attributes:
        url: Of its API.
        token: That opens it.
        database: Address of its database.
    """

    url: str
    token: str
    database: str = ""

    def call(self, method: str, path: str, json: Any = None, **query: Any) -> Any:
        """Return the decoded answer to a request of somebody who works there."""
        answer = requests.request(
            method,
            f"{self.url}/{path}",
            json=json,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def empty(self) -> None:
        """Take out all contacts, deals, tags and custom fields, past its API: it only hides fields that are deleted."""
        with psycopg.connect(self.database) as database:
            database.execute("TRUNCATE contacts, opportunity, tags, custom_field_definition CASCADE")


@contextmanager
def bottlecrm(folder: Path) -> Iterator[BottleServer]:
    """Run BottleCRM on a copy of the cached cluster until the block ends."""
    home = install_bottlecrm()
    cached, token = home / "cluster", home / "token.txt"
    if not token.exists():
        _make_cluster(home, cached, token)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(cached, folder / "cluster")
    with _served(home, folder, folder / "cluster") as (url, database):
        yield BottleServer(url, token.read_text(), database)


@contextmanager
def _served(home: Path, folder: Path, cluster: Path) -> Iterator[tuple[str, str]]:
    database, port = free_port(), free_port()
    environment = _environment(database)
    gunicorn: list[str | Path] = [home / "venv/bin/gunicorn", "crm.wsgi", "-b", f"127.0.0.1:{port}", "-w", str(WORKERS)]
    gunicorn += ["--max-requests", "0", "--timeout", "120"]
    with (
        postgres(cluster, database),
        running(gunicorn, folder, port=port, environment=environment),
    ):
        yield f"http://127.0.0.1:{port}/api", f"postgresql://crm@127.0.0.1:{database}/crm"


def _environment(database: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return {
        **kept,
        "SECRET_KEY": "a-key-of-a-server-on-this-machine-alone",
        "ENV_TYPE": "dev",
        "DBNAME": "crm",
        "DBUSER": "crm",
        "DBPASSWORD": "crm",
        "DBHOST": "127.0.0.1",
        "DBPORT": str(database),
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "crm.settings",
        "DB_POOL_ENABLED": "true",  # else each request begins a process of PostgreSQL
        "CELERY_BROKER_URL": "memory://",
        "CELERY_RESULT_BACKEND": "cache+memory://",
    }


def _make_cluster(home: Path, cluster: Path, token: Path) -> None:
    """Make a cluster with the tables of BottleCRM, an organisation and a token: minutes, and only once."""
    print("making the database of BottleCRM ...", flush=True)
    shutil.rmtree(cluster, ignore_errors=True)
    admin = str(home / "venv/bin/django-admin")
    database = free_port()
    with postgres(cluster, database):
        environment = {**_environment(database), "DEBUG": "True"}
        binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
        run([str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(database), "-U", "crm", "crm"], home)
        run([admin, "migrate", "--verbosity", "0"], home, environment)
        first = _token(run([admin, "devlogin", OWNER, "--create"], home, environment))
        port = free_port()
        gunicorn: list[str | Path] = [home / "venv/bin/gunicorn", "crm.wsgi", "-b", f"127.0.0.1:{port}"]
        with running(gunicorn, home, port=port, environment=environment):
            url = f"http://127.0.0.1:{port}/api"
            BottleServer(url, first).call("POST", "org/", {"name": ORGANISATION})
            second = _token(run([admin, "devlogin", OWNER, "--org", ORGANISATION], home, environment))
            made = BottleServer(url, second).call("POST", "profile/tokens/", {"name": "personasync"})
    shown = re.findall(r"bcrm_pat_[\w-]+", str(made))  # the token, and its first letters
    token.write_text(max(shown, key=len))


def _token(said: str) -> str:
    found = re.search(r"access_token:\s+(\S+)", said)
    assert found, said
    return found[1]
