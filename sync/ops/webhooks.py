"""Registration of our webhooks on any platform that sends events, and their health checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.connector import NO_SECRET, Webhook
from connectors.errors import FixSettingsError, PersonasyncError, RejectedError
from connectors.events import AppProject, EventSource, WebhookApp
from connectors.installed import find_connector
from connectors.records import Finding, SetupStep
from connectors.secret import Secret
from connectors.spec import ConnectorSpec
from sync.session import Session
from sync.workspace.definition_files import MAIN
from sync.workspace.schema import ServePart
from sync.workspace.secrets import add_secret
from sync.workspace.webhook_addresses import ACTIONS, WEBHOOKS, connections_of, serve_secret, webhook_path

QUIET = timedelta(days=7)  # an account in use changes some contact in a week; a rule of thumb of ours
UNHEARD = "No webhook has been received yet."


def missing_webhooks(session: Session, name: str) -> list[SetupStep]:
    """Return what has to be done that the platform of connection *name* sends its events to our service."""
    serve, spec = session.workspace.serve, session.workspace.spec(name, session.manifest)
    if serve is None or not serve.public_url or not spec.capabilities.events:
        return []
    if spec.deliveries.project:
        if _written(session, name, spec) == _wanted(session, name, spec, serve):
            return []
        what = f"the {spec.title} app that sends events to {_shown(session, name, serve)}"
        return [SetupStep(name, "write_files", _folder(session, name, spec), f"{what}, for `{spec.deliveries.upload}`")]
    if _there(session, name) is None or _ours(session, name, serve) is not None:
        return []
    events = ", ".join(webhook.type for webhook in spec.webhooks) or "changes of contacts"
    by = f" by {', '.join(spec.webhook_sources)}" if spec.webhook_sources else ""
    return [SetupStep(name, "add_webhook", _shown(session, name, serve), f"for {events}{by}")]


def register_webhook(session: Session, step: SetupStep) -> str:
    """Do a step of `missing_webhooks`, and return what a person has to know or do now.

    Raises:
        FixSettingsError: The service does not answer to the platform.
    """
    serve, name = session.workspace.serve, step.connection
    if serve is None:
        raise FixSettingsError(f"{MAIN} has no [serve] section.")
    spec = session.workspace.spec(name, session.manifest)
    if step.action == "write_files":
        return _write(session, name, spec, serve)
    webhook = Webhook(_url(session, name, serve), tuple(wanted.type for wanted in spec.webhooks), spec.webhook_sources)
    try:
        secret = _source(session, name).register(webhook)
    except RejectedError as error:
        raise FixSettingsError(
            f"{spec.title} did not accept the webhook {step.name}: {error}",
            fix=f"{spec.title} checks that the URL responds: start `personasync serve`, then run `personasync setup`.",
        ) from error
    return _keep(session, name, spec, serve, secret)


def findings(session: Session, name: str) -> list[Finding]:
    """Say whether the events of connection *name* are sent here, signed, and have come lately."""
    serve, spec = session.workspace.serve, session.workspace.spec(name, session.manifest)
    if serve is None or not spec.capabilities.events:
        return []
    if not serve.public_url:
        fix = f"Set public_url in [serve] of {MAIN}, then run `personasync setup`."
        return [Finding("webhooks", "warn", "The public URL of the webhook service is not set.", fix)]
    if spec.deliveries.project:
        checks = _of_project(session, name, spec, serve)
    else:
        checks = _of_account(session, name, spec, serve)
    return [*checks, _lately(session, name)]


def _of_project(session: Session, name: str, spec: ConnectorSpec, serve: ServePart) -> list[Finding]:
    there, folder = _written(session, name, spec), _folder(session, name, spec)
    if there == _wanted(session, name, spec, serve):
        registered = Finding("webhooks", "ok", f"The app of {folder} sends events to {_shown(session, name, serve)}.")
    else:
        what = "is out of date" if there else "has not been created yet"
        fix = f"Run `personasync setup`, then `{spec.deliveries.upload}` in {folder}."
        registered = Finding("webhooks", "warn", f"The {spec.title} app in {folder} {what}.", fix)
    return [registered, _known_secret(session, name, spec)]


def _of_account(session: Session, name: str, spec: ConnectorSpec, serve: ServePart) -> list[Finding]:
    if _there(session, name) is None:
        where = f" ({spec.deliveries.where})" if spec.deliveries.where else ""
        expected = f"{spec.title} does not say where it sends events; they are expected at "
        text = f"{expected}{_shown(session, name, serve)}{where}."
        return [Finding("webhooks", "ok", text), _known_secret(session, name, spec)]
    ours = _ours(session, name, serve)
    if ours is None:
        lacks = f"No webhook points to {_shown(session, name, serve)}."
        return [Finding("webhooks", "warn", lacks, "Run `personasync setup`.")]
    lacking = {webhook.type for webhook in spec.webhooks} - set(ours.events)
    lacking |= set(spec.webhook_sources) - set(ours.sources)
    finding = Finding("webhooks", "ok", f"{spec.title} sends events to {_shown(session, name, serve)}.")
    if lacking:
        where = f": {spec.deliveries.where}" if spec.deliveries.where else ""
        listed = ", ".join(sorted(lacking))
        fix = f"Turn it on in {spec.title}{where}."
        finding = Finding("webhooks", "warn", f"The webhook is not subscribed to {listed}.", fix)
    return [finding, _signed(session, name, spec, ours)]


def _known_secret(session: Session, name: str, spec: ConnectorSpec) -> Finding:
    """Whether there is a secret that only a person can bring."""
    if _secret(session, name, "secret"):
        return Finding("signatures", "ok", "The signing secret is set; webhook signatures are verified.")
    what, at = spec.deliveries.secret[:1].lower() + spec.deliveries.secret[1:].rstrip("."), spec.deliveries.secret_at
    fix = f"Set [serve] {_key(session, name, 'secret')} to the {what}{f' (in {spec.title}: {at})' if at else ''}."
    return Finding("signatures", "fail", f"The signing secret of {spec.title} is not set.", fix)


def _signed(session: Session, name: str, spec: ConnectorSpec, ours: Webhook) -> Finding:
    again = f"Delete the webhook in {spec.title} and run `personasync setup`. The secret is shown only once."
    if ours.signed and _secret(session, name, "secret"):
        return Finding("signatures", "ok", "Webhooks are signed and verified.")
    if _secret(session, name, "path"):
        state, fix = ("warn", again) if ours.signed else ("ok", "")
        return Finding("signatures", state, "The webhook URL contains a secret.", fix)  # type: ignore[arg-type]
    if ours.signed:
        return Finding("signatures", "fail", "Webhooks are signed, but the signing secret is not set.", again)
    key = _key(session, name, "path")
    fix = f"Set [serve] {key} to a secret, delete the webhook in {spec.title} and run `personasync setup`."
    if not spec.deliveries.path:
        fix = again
    return Finding("signatures", "fail", "Webhooks are not signed and the URL contains no secret.", fix)


def _lately(session: Session, name: str) -> Finding:
    last = session.control.inbox.last_delivery(name)
    if last is None:
        return Finding("deliveries", "warn", UNHEARD, "Edit a contact there, then check `personasync inbox`.")
    came = f"Last event received {last:%Y-%m-%d %H:%M} UTC."
    if session.now() - last <= QUIET:
        return Finding("deliveries", "ok", came)
    return Finding("deliveries", "warn", came, "Check that the service can be reached from the internet.")


# -- addresses and secrets ---------------------------------------------------------------------------------
def _source(session: Session, name: str) -> EventSource:
    connector = session.connector(name)
    if not isinstance(connector, EventSource):
        spec = session.workspace.spec(name, session.manifest)
        raise FixSettingsError(f"{spec.title} sends no events: its connector has no verify, parse and register.")
    return connector


def _there(session: Session, name: str) -> list[Webhook] | None:
    """The webhooks of the account; None where it tells nobody."""
    there = _source(session, name).webhooks()
    return None if there is None else list(there)


def _ours(session: Session, name: str, serve: ServePart) -> Webhook | None:
    wanted = _url(session, name, serve)
    return next((webhook for webhook in _there(session, name) or () if webhook.url == wanted), None)


def _address(session: Session, name: str, serve: ServePart, door: str = WEBHOOKS) -> str:
    return f"{serve.public_url.rstrip('/')}{webhook_path(session.workspace, session.manifest, name, door=door)}"


def _url(session: Session, name: str, serve: ServePart) -> str:
    path = _secret(session, name, "path")
    return _address(session, name, serve) + (f"/{path.reveal()}" if path else "")


def _shown(session: Session, name: str, serve: ServePart) -> str:
    """Return the address without what is secret of it."""
    secret = serve.secret_at(_key(session, name, "path"))
    return _address(session, name, serve) + ("/***" if secret else "")


def _key(session: Session, name: str, what: str) -> str:
    return f"{session.workspace.connections[name].connector}_{what}"


def _secret(session: Session, name: str, what: str) -> Secret:
    """Return a secret of [serve], `NO_SECRET` where none is named or there."""
    key, several = _key(session, name, what), what == "secret"
    try:
        return serve_secret(session.workspace, key, session.environment, several=several)
    except PersonasyncError:
        return NO_SECRET


def _keep(session: Session, name: str, spec: ConnectorSpec, serve: ServePart, secret: Secret) -> str:
    """Put a signing secret where the workspace says that it lies, beside those of other webhooks."""
    key, path = _key(session, name, "secret"), _key(session, name, "path")
    reference, directory = serve.secret_at(key), session.workspace.directory
    if not secret:
        if serve.secret_at(path) or reference or not spec.deliveries.path:
            return ""
        return f"{spec.title} webhooks are unsigned: set [serve] {path} to a secret."
    if add_secret(reference, secret, directory=directory):
        saved = f"{spec.title}'s signing secret was saved where [serve] {key} points."
        return f"{saved} Restart `personasync serve`."
    # the platform shows it this once, and whatever is printed ends up in some log
    kept = f"file:.personasync/{session.workspace.connections[name].connector}_signing_secret"
    add_secret(kept, secret, directory=directory)
    move = f"move it to {reference}, or write" if reference else "write"
    return (
        f"{spec.title} shows its signing secret only once, so it was saved to "
        f'{kept.removeprefix("file:")} in the workspace: {move} {key} = "{kept}" into '
        "[serve]. Then restart `personasync serve`."
    )


# -- app files ---------------------------------------------------------------------------------------------
def _folder(session: Session, name: str, spec: ConnectorSpec) -> str:
    """The folder of the app; each connection has one of its own where there are several."""
    several = len(connections_of(session.workspace, session.workspace.connections[name].connector)) > 1
    return f"{spec.deliveries.project}-{name}" if several else spec.deliveries.project


def _write(session: Session, name: str, spec: ConnectorSpec, serve: ServePart) -> str:
    folder = _folder(session, name, spec)
    for path, document in _wanted(session, name, spec, serve).items():
        target = session.workspace.directory / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    secret = spec.deliveries.secret[:1].lower() + spec.deliveries.secret[1:]
    upload = f"Next, run `{spec.deliveries.upload}` in {folder}"
    return f"{upload}, then set [serve] {_key(session, name, 'secret')} to the {secret}"


def _wanted(session: Session, name: str, spec: ConnectorSpec, serve: ServePart) -> Mapping[str, Any]:
    source = find_connector(session.workspace.connections[name].connector)
    if not isinstance(source, AppProject):
        raise FixSettingsError(f"{spec.title} has no app files: its connector has no app_files.")
    plugin = session.manifest.plugin
    app = WebhookApp(
        name=plugin.name,
        title=plugin.title,
        description=plugin.description,
        spec=spec.as_mapping(),
        webhook_url=_address(session, name, serve),
        action_url=_address(session, name, serve, ACTIONS),
        properties=session.workspace.connection(name, session.manifest, session.environment).mapped,
    )
    return source.app_files(app)


def _written(session: Session, name: str, spec: ConnectorSpec) -> Mapping[str, Any]:
    root = session.workspace.directory / _folder(session, name, spec)
    return {path.relative_to(root).as_posix(): _document(path) for path in sorted(root.rglob("*.json"))}


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None
