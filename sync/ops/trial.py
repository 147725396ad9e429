"""A trial without accounts: a workspace on the local platforms, and somebody who sends a campaign there.

personasync itself never sends an email. What is sent here goes to generated people of a server on this machine, and an
address that is not on this machine is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from connectors.errors import FixSettingsError, PlatformDownError
from connectors.sandbox import marketer
from connectors.sandbox.access import ADDRESSES, MAILER, MAILER_KEY, REMEMBERED, SECRETS, local_connections
from segmenter.lift.randomization import Experiment
from sync.clock import TRIAL, clock_of, trial_note
from sync.workspace.definition_files import MAIN
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import Workspace, load_workspace

STATE = "sandbox.db"  # the platforms' own data: they are still there when they start again
LOCAL = ("127.0.0.1", "localhost", "::1")
START = "Start them: `personasync sandbox up --workspace {folder}`."
GENERIC = "<h1>News from the shop</h1><p>Have a look at what we have this week.</p>"
PERSONAL = '<h1>*|PS_HEAD|*</h1><p>*|PS_OFFER|*</p><p><a href="https://shop.example/offer">Have a look</a></p>'
TAG_PREFIX = "ps:"
SUBJECT = "This week in the shop"


@dataclass(frozen=True, slots=True)
class Sending:
    """A campaign that was sent. `to`: in words."""

    campaign: str
    title: str
    to: str
    people: int


def state_file(directory: Path) -> Path:
    """Return where the local platforms of a workspace keep their data; the folder is there afterwards.

    Raises:
        FixSettingsError: The folder holds something else.
    """
    if directory.exists() and any(directory.iterdir()) and not (directory / TRIAL).exists():
        raise FixSettingsError(
            f"{directory} is not empty, and not a workspace that `sandbox up` wrote.",
            fix="Choose another folder: `personasync sandbox up --workspace DIR`.",
        )
    directory.mkdir(parents=True, exist_ok=True)
    return directory / STATE


def write_trial(directory: Path, access: Mapping[str, str]) -> list[Path]:
    """Write a workspace that points to the local platforms; of one that is there, change the addresses only.

    Args:
        directory: As `state_file` accepted it.
        access: Tokens and addresses, as the platforms tell them.

    Returns:
        The files of the workspace that are new.
    """
    before, file = _known(directory), directory / MAIN
    for name, path in SECRETS.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).touch(mode=0o600)
        (directory / path).write_text(access[name] + "\n", "utf-8")
    if file.exists():
        text = file.read_text("utf-8")
        for name in ADDRESSES:
            text = text.replace(json.dumps(before.get(name, "")), json.dumps(access[name]))
        file.write_text(text, "utf-8")
    _note(directory, {**before, **{name: access[name] for name in REMEMBERED}})
    secrets = {name: f"file:{path}" for name, path in SECRETS.items()}
    samples = resources.files("sync.ops") / "samples" / "demo"
    written = []
    for name in ("segments.toml", "personas.toml"):
        if not (directory / name).exists():
            (directory / name).write_text((samples / name).read_text("utf-8"), "utf-8")
            written.append(directory / name)
    connections = [NewConnection(*parts) for parts in local_connections(access, secrets)]
    return [*write_workspace(directory, Answers("Trial shop", connections)), *written]


def send_trial(
    directory: Path, *, tag: str | None, experiment: str | None, html: str | None, days: float
) -> list[Sending]:
    """Send a campaign on the local platforms, and let days pass in which people answer.

    Args:
        directory: A workspace that is connected to the local platforms.
        tag: Only to members with this tag, with or without "ps:"; None: to the whole audience.
        experiment: Instead, to each of its variants: the first one gets the same text for everybody, the others the
            copy of each reader's persona. The holdout gets nothing.
        html: The mail; None: one that shows the fields "headline" and "offer".
        days: How many pass.

    Returns:
        What was sent.

    Raises:
        FixSettingsError: The workspace has no local email platform, or there is no such tag or experiment.
        PlatformDownError: The local platforms do not answer.
    """
    workspace = load_workspace(directory)
    where, url = _local_mailer(workspace)
    moment = clock_of(directory)()
    with _answering(directory, url):
        tags = marketer.tags_of(*where)
        mails = _mails(workspace, tags, tag, experiment, html)
        sent = [_sent(where, moment, to, named, text) for to, named, text in mails]
        marketer.advance_clock(url, days=days)
    known = _known(directory)
    ahead = float(known.get("clock_ahead_seconds", 0.0)) + timedelta(days=days).total_seconds()
    _note(directory, {**known, "clock_ahead_seconds": ahead, "sent_at": moment.isoformat()})
    return sent


def read_mail(file: Path) -> str:
    """Return the text of a mail.

    Raises:
        FixSettingsError: It can't be read.
    """
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(f"{file} can't be read: {error}.", fix="Give an HTML file, in UTF-8.") from error


def _mails(
    workspace: Workspace, tags: Mapping[str, int], tag: str | None, experiment: str | None, html: str | None
) -> list[tuple[str, str | None, str]]:
    """To whom in words, the tag, and the text, of each mail."""
    if tag is not None and experiment is not None:
        raise FixSettingsError("--tag and --experiment exclude each other.", fix="Give one of them.")
    if experiment is not None:
        trial = _experiment(workspace, experiment)
        arms = [arm for arm in trial.arms if arm in trial.groups]
        texts = {arm: GENERIC if place == 0 and html is None else html or PERSONAL for place, arm in enumerate(arms)}
        return [(f"variant {arm!r}", _tag(tags, trial.groups[arm]), texts[arm]) for arm in arms]
    if tag is not None:
        return [(f"tag {_tag(tags, tag)!r}", _tag(tags, tag), html or PERSONAL)]
    return [("the whole audience", None, html or PERSONAL)]


def _experiment(workspace: Workspace, name: str) -> Experiment:
    if name not in workspace.experiments:
        known = ", ".join(workspace.experiments) or "none"
        raise FixSettingsError(f"There is no experiment {name!r}.", fix=f"experiments.toml has: {known}.")
    return workspace.experiments[name]


def _tag(tags: Mapping[str, int], name: str) -> str:
    for known in (name, f"{TAG_PREFIX}{name}"):
        if known in tags:
            return known
    listed = ", ".join(sorted(tags)) or "none yet"
    fix = f"There are: {listed}. `personasync setup` and `personasync run` create and fill them."
    raise FixSettingsError(f"The local email platform has no tag {name!r}.", fix=fix)


def _sent(where: tuple[str, str, str], at: datetime, to: str, tag: str | None, html: str) -> Sending:
    title = f"Trial {at:%Y-%m-%d}: {to}"
    if tag is None:
        campaign = marketer.send_to_everybody(*where, title=title, subject=SUBJECT, html=html)
    else:
        try:
            campaign = marketer.send_to_tag(*where, title=title, subject=SUBJECT, html=html, tag=tag)
        except requests.HTTPError as error:
            if error.response.status_code != requests.codes.bad_request:
                raise
            raise FixSettingsError(
                f"The local email platform did not send to the tag {tag!r}: nobody in it can get email.",
                fix="Run `personasync run`, which fills it; then send again.",
            ) from error
    return Sending(campaign, title, to, marketer.recipients(where[0], where[1], campaign))


def _local_mailer(workspace: Workspace) -> tuple[tuple[str, str, str], str]:
    """Address, key and audience of the workspace's local email platform."""
    from sync.workspace.secrets import resolve_secret  # noqa: PLC0415 - it may ask the keyring

    for name, part in workspace.connections.items():
        settings = part.settings()
        url = settings.get("base_url", "").rstrip("/")
        if part.connector == MAILER and urlsplit(url).hostname in LOCAL:
            at = f"{MAIN}, [connections.{name}] {MAILER_KEY}"
            reference = settings.get(MAILER_KEY, "")
            key = resolve_secret(reference, where=at, environment={}, directory=workspace.directory)
            return (url, key.reveal(), settings.get("audience", "")), url
    raise FixSettingsError(
        f"{MAIN} has no connection to an email platform on this machine; a campaign is sent there only.",
        fix=START.format(folder="DIR"),
    )


@contextmanager
def _answering(directory: Path, url: str) -> Iterator[None]:
    """Say of local platforms that do not answer how they are started."""
    try:
        yield
    except requests.ConnectionError as error:
        fix = START.format(folder=directory)
        raise PlatformDownError(f"The local platforms do not answer at {url}.", answered=False, fix=fix) from error
    except requests.HTTPError as error:
        raise FixSettingsError(
            f"The server at {url} refused it: {error.response.status_code}.",
            fix="Is it the local email platform of this workspace? " + START.format(folder=directory),
        ) from error


def _known(directory: Path) -> dict[str, Any]:
    return trial_note(directory) or {}


def _note(directory: Path, known: Mapping[str, Any]) -> None:
    (directory / TRIAL).write_text(json.dumps({"clock_ahead_seconds": 0.0, **known}, indent=1) + "\n", "utf-8")
