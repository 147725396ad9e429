"""The files that people copy to run the webhook service: they fit each other, the program, and what the page says."""

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sync.cli.main import all_commands
from sync.workspace.manifest import plugin_manifest
from sync.workspace.schema import ServePart

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "docs" / "how-to" / "deploy"
PAGE = ROOT / "docs" / "how-to" / "deploy-webhooks.md"
LONGEST_WORK = 60  # seconds that a group of contacts under way may take


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return document


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "personasync-serve.service", "utf-8")
    return parser


@pytest.fixture
def steps() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def options_of(words: list[str]) -> set[str]:
    command = all_commands().commands[words[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    return {word for word in words[1:] if word.startswith("-")} - known


def test_servers_and_workers_run_commands_that_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]

    assert set(services) == {"db", "serve", "worker", "proxy"}
    assert [services[name]["command"] for name in ("serve", "worker")] == [["serve"], ["serve", "--worker"]]
    assert [options_of(services[name]["command"]) for name in ("serve", "worker")] == [set(), set()]
    assert [services[name]["deploy"]["replicas"] for name in ("serve", "worker")] == [2, 2]


def test_all_of_them_wait_for_the_database_and_see_one_workspace(compose: dict[str, Any]) -> None:
    for name in ("serve", "worker"):
        service = compose["services"][name]

        assert service["depends_on"]["db"]["condition"] == "service_healthy"
        assert service["volumes"] == ["./workspace:/workspace"]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert set(compose["volumes"]) == {"db", "certificates"}


def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    published = [name for name, service in compose["services"].items() if "ports" in service]
    caddy = (DEPLOY / "Caddyfile").read_text("utf-8")
    paths = re.search(r"@platforms path (.+)", caddy)

    assert published == ["proxy"]
    assert paths is not None
    assert paths.group(1).split() == [
        "/webhooks/hubspot",
        "/webhooks/mailchimp",
        "/webhooks/mailchimp/*",
        "/actions/hubspot",
    ]
    assert caddy.count("{") == caddy.count("}")


def test_everybody_means_the_port_that_is_the_default(compose: dict[str, Any], steps: list[tuple[str, str]]) -> None:
    port = str(ServePart().port)

    assert compose["services"]["serve"]["expose"] == [port]
    assert f"reverse_proxy serve:{port}" in (DEPLOY / "Caddyfile").read_text("utf-8")
    assert ("EXPOSE", port) in steps
    assert f"127.0.0.1:{port}/health" in dict(steps)["HEALTHCHECK"]


def test_the_database_of_the_page_is_the_one_that_is_started(compose: dict[str, Any]) -> None:
    environment = compose["services"]["db"]["environment"]
    url = f"postgresql://{environment['POSTGRES_USER']}@db/{environment['POSTGRES_DB']}"

    assert f'state = "{url}"' in PAGE.read_text("utf-8")
    assert environment["POSTGRES_PASSWORD"].startswith("${PGPASSWORD:?")


def test_the_image_holds_the_locked_versions_and_runs_as_nobody_special(steps: list[tuple[str, str]]) -> None:
    runs = [rest for word, rest in steps if word == "RUN"]

    assert any("--require-hashes" in run and "requirements-extras.txt" in run for run in runs)
    assert [rest for word, rest in steps if word == "USER"] == ["10001:10001"]
    assert [word for word, _ in steps].index("USER") < [word for word, _ in steps].index("ENTRYPOINT")
    assert dict(steps)["ENTRYPOINT"] == '["/opt/personasync/bin/personasync"]'


def test_the_image_keeps_its_health_check(steps: list[tuple[str, str]]) -> None:
    """Podman's own format of images has none: a build without --format drops it with a warning."""
    pages = [PAGE, ROOT / "docs" / "how-to" / "install.md", DEPLOY / "Containerfile"]
    builds = [line for page in pages for line in page.read_text("utf-8").splitlines() if "podman build" in line]

    assert len(builds) == 3
    assert all("--format docker" in line for line in builds)
    assert "HEALTHCHECK" in [word for word, _ in steps]


def test_the_unit_runs_the_service_where_the_page_installs_it(unit: configparser.ConfigParser) -> None:
    words = shlex.split(unit["Service"]["ExecStart"])

    assert words == ["/opt/personasync/bin/personasync", "serve"]
    assert options_of(words[1:]) == set()
    assert "python3 -m venv /opt/personasync\n" in PAGE.read_text("utf-8")
    assert unit["Service"]["WorkingDirectory"] in PAGE.read_text("utf-8")
    assert unit["Service"]["EnvironmentFile"] in PAGE.read_text("utf-8")


def test_a_stop_waits_for_the_work_under_way(unit: configparser.ConfigParser, compose: dict[str, Any]) -> None:
    assert unit["Service"]["KillSignal"] == compose["services"]["serve"]["stop_signal"] == "SIGTERM"
    assert int(unit["Service"]["TimeoutStopSec"]) > LONGEST_WORK
    assert compose["services"]["serve"]["stop_grace_period"] == f"{unit['Service']['TimeoutStopSec']}s"


def test_the_unit_may_write_its_workspace_and_nothing_else(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]

    assert service["ProtectSystem"] == "strict"
    assert service["WorkingDirectory"].startswith(f"/var/lib/{service['StateDirectory']}/")
    assert service["Restart"] == "always"


def test_the_settings_that_the_page_shows_are_settings() -> None:
    shown = re.findall(r"^\[serve\]\n(.*?)(?=^\[|^```)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    keys = {match for part in shown for match in re.findall(r"^(\w+) =", part, re.MULTILINE)}

    assert keys >= {"public_url", "hubspot_secret", "mailchimp_secret", "workers"}
    assert keys <= {*ServePart.model_fields, *plugin_manifest().serve_keys}
