"""Webhook registration and health checks for HubSpot and Mailchimp."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.connector import NO_SECRET, Webhook
from connectors.errors import FixSettingsError, PersonasyncError, RejectedError
from connectors.records import Finding, SetupStep
from connectors.secret import Secret
from sync.ops.hubspot_app import project_files
from sync.session import Session
from sync.workspace.definition_files import MAIN
from sync.workspace.schema import ServePart
from sync.workspace.secrets import add_secret, resolve_secret

PROJECT = "hubspot-project"
QUIET = timedelta(days=7)  # an account in use changes some contact in a week; a rule of thumb of ours
MAILCHIMP, HUBSPOT, ACTION = "/webhooks/mailchimp", "/webhooks/hubspot", "/actions/hubspot"
KEPT = "file:.personasync/mailchimp_signing_secret"  # where the workspace names no place that is ours to write
UNHEARD = "No webhook has been received yet."


def missing_webhooks(session: Session, name: str) -> list[SetupStep]:
    """Return what has to be done that the platform of connection *name* sends its events to our service."""
    serve = session.workspace.serve
    if serve is None or not serve.public_url:
        return []
    kind = session.workspace.connections[name].connector
    if kind == "hubspot" and _written(session, name) != _wanted(session, name, serve):
        detail = f"the HubSpot app that sends events to {serve.public_url}{HUBSPOT}, for `hs project upload`"
        return [SetupStep(name, "write_files", PROJECT, detail)]
    if kind == "mailchimp" and _ours(session, name, serve) is None:
        spec = session.manifest.connectors[kind]
        events, by = ", ".join(webhook.type for webhook in spec.webhooks), ", ".join(spec.webhook_sources)
        return [SetupStep(name, "add_webhook", _shown(serve), f"for {events} by {by}")]
    return []


def register_webhook(session: Session, step: SetupStep) -> str:
    """Do a step of `missing_webhooks`, and return what a person has to know or do now.

    Raises:
        FixSettingsError: The service does not answer to the platform.
    """
    serve = session.workspace.serve
    if serve is None:
        raise FixSettingsError(f"{MAIN} has no [serve] section.")
    if step.action == "write_files":
        for path, document in _wanted(session, step.connection, serve).items():
            target = session.workspace.directory / PROJECT / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return (
            f"Next, run `hs project upload` in {PROJECT}, then set [serve] hubspot_secret to the app's client secret."
        )
    spec = session.manifest.connectors[session.workspace.connections[step.connection].connector]
    webhook = Webhook(
        _mailchimp_url(session, serve), tuple(webhook.type for webhook in spec.webhooks), spec.webhook_sources
    )
    try:
        secret = session.connector(step.connection).add_webhook(webhook)
    except RejectedError as error:
        raise FixSettingsError(
            f"Mailchimp did not accept the webhook {_shown(serve)}: {error}",
            fix=("Mailchimp checks that the URL responds: start `personasync serve`, then run `personasync setup`."),
        ) from error
    return _keep(session, serve, secret)


def findings(session: Session, name: str) -> list[Finding]:
    """Say whether the events of connection *name* are sent here, signed, and have come lately."""
    serve, kind = session.workspace.serve, session.workspace.connections[name].connector
    if serve is None or kind not in {"hubspot", "mailchimp"}:
        return []
    if not serve.public_url:
        fix = f"Set public_url in [serve] of {MAIN}, then run `personasync setup`."
        return [Finding("webhooks", "warn", "The public URL of the webhook service is not set.", fix)]
    checks = _of_hubspot(session, name, serve) if kind == "hubspot" else _of_mailchimp(session, name, serve)
    return [*checks, _lately(session, name)]


def _of_hubspot(session: Session, name: str, serve: ServePart) -> list[Finding]:
    there, wanted = _written(session, name), _wanted(session, name, serve)
    if there == wanted:
        registered = Finding("webhooks", "ok", f"The app of {PROJECT} sends events to {serve.public_url}{HUBSPOT}.")
    else:
        what = "is out of date" if there else "has not been created yet"
        fix = f"Run `personasync setup`, then `hs project upload` in {PROJECT}."
        registered = Finding("webhooks", "warn", f"The HubSpot app in {PROJECT} {what}.", fix)
    secret = _secret(session, "hubspot_secret")
    fix = "Set [serve] hubspot_secret to the client secret (in HubSpot: the app's page > Auth > Client secret)."
    signed = Finding("signatures", "ok", "The app's client secret is set; webhook signatures are verified.")
    return [
        registered,
        signed if secret else Finding("signatures", "fail", "HubSpot's client secret is not set.", fix),
    ]


def _of_mailchimp(session: Session, name: str, serve: ServePart) -> list[Finding]:
    ours = _ours(session, name, serve)
    if ours is None:
        return [Finding("webhooks", "warn", f"No webhook points to {_shown(serve)}.", "Run `personasync setup`.")]
    spec = session.manifest.connectors["mailchimp"]
    lacking = {webhook.type for webhook in spec.webhooks} - set(ours.events)
    lacking |= set(spec.webhook_sources) - set(ours.sources)
    finding = Finding("webhooks", "ok", f"The audience sends events to {_shown(serve)}.")
    if lacking:
        fix = "Turn it on in Mailchimp: Audience > Settings > Webhooks."
        finding = Finding("webhooks", "warn", f"The webhook is not subscribed to {', '.join(sorted(lacking))}.", fix)
    return [finding, _signed(session, ours)]


def _signed(session: Session, ours: Webhook) -> Finding:
    again = "Delete the webhook in Mailchimp and run `personasync setup`. The secret is shown only once."
    if ours.signed and _secret(session, "mailchimp_secret"):
        return Finding("signatures", "ok", "Webhooks are signed and verified.")
    if _secret(session, "mailchimp_path"):
        return Finding(
            "signatures",
            "warn" if ours.signed else "ok",
            "The webhook URL contains a secret.",
            again if ours.signed else "",
        )
    if ours.signed:
        return Finding("signatures", "fail", "Webhooks are signed, but the signing secret is not set.", again)
    fix = "Set [serve] mailchimp_path to a secret, delete the webhook in Mailchimp and run `personasync setup`."
    return Finding("signatures", "fail", "Webhooks are not signed and the URL contains no secret.", fix)


def _lately(session: Session, name: str) -> Finding:
    last = session.control.inbox.last_delivery(name)
    if last is None:
        return Finding("deliveries", "warn", UNHEARD, "Edit a contact there, then check `personasync inbox`.")
    came = f"Last event received {last:%Y-%m-%d %H:%M} UTC."
    if session.now() - last <= QUIET:
        return Finding("deliveries", "ok", came)
    return Finding("deliveries", "warn", came, "Check that the service can be reached from the internet.")


def _ours(session: Session, name: str, serve: ServePart) -> Webhook | None:
    wanted = _mailchimp_url(session, serve)
    return next((webhook for webhook in session.connector(name).webhooks() or () if webhook.url == wanted), None)


def _mailchimp_url(session: Session, serve: ServePart) -> str:
    path = _secret(session, "mailchimp_path")
    return f"{serve.public_url.rstrip('/')}{MAILCHIMP}" + (f"/{path.reveal()}" if path else "")


def _shown(serve: ServePart) -> str:
    """Return Mailchimp's address without what is secret of it."""
    return f"{serve.public_url.rstrip('/')}{MAILCHIMP}" + ("/***" if serve.mailchimp_path else "")


def _secret(session: Session, key: str) -> Secret:
    """Return a secret of [serve], `NO_SECRET` where none is named or there."""
    reference = str(getattr(session.workspace.serve, key))
    try:
        return (
            resolve_secret(
                reference,
                where=f"{MAIN}, [serve] {key}",
                environment=session.environment,
                directory=session.workspace.directory,
                several=key == "mailchimp_secret",
            )
            if reference
            else NO_SECRET
        )
    except PersonasyncError:
        return NO_SECRET


def _keep(session: Session, serve: ServePart, secret: Secret) -> str:
    """Put a signing secret where the workspace says that it lies, beside those of other audiences."""
    if not secret:
        return (
            "" if serve.mailchimp_path else "Mailchimp webhooks are unsigned: set [serve] mailchimp_path to a secret."
        )
    directory = session.workspace.directory
    if add_secret(serve.mailchimp_secret, secret, directory=directory):
        return (
            "Mailchimp's signing secret was saved where [serve] mailchimp_secret points. Restart `personasync serve`."
        )
    # Mailchimp shows it this once, and whatever is printed ends up in some log
    add_secret(KEPT, secret, directory=directory)
    move = f"move it to {serve.mailchimp_secret}, or write" if serve.mailchimp_secret else "write"
    return (
        "Mailchimp shows its signing secret only once, so it was saved to "
        f'{KEPT.removeprefix("file:")} in the workspace: {move} mailchimp_secret = "{KEPT}" into '
        "[serve]. Then restart `personasync serve`."
    )


def _wanted(session: Session, name: str, serve: ServePart) -> Mapping[str, Any]:
    spec, base = session.manifest.connectors["hubspot"], serve.public_url.rstrip("/")
    mapped = session.workspace.connection(name, session.manifest, session.environment).mapped
    return project_files(
        session.manifest.plugin,
        spec,
        webhook_url=f"{base}{HUBSPOT}",
        action_url=f"{base}{ACTION}",
        properties=[
            field for field in mapped if not field.startswith("hs_")
        ],  # HubSpot's own figures move with every mail
    )


def _written(session: Session, name: str) -> Mapping[str, Any]:
    del name  # the service takes events of one HubSpot account
    root = session.workspace.directory / PROJECT
    return {path.relative_to(root).as_posix(): _document(path) for path in sorted(root.rglob("*.json"))}


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None
