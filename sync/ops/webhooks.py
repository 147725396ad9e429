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
from sync.session import Workbench
from sync.workspace.schema import ServePart
from sync.workspace.secrets import add_secret, resolve_secret
from sync.workspace.settings import MAIN

PROJECT = "hubspot-project"
QUIET = timedelta(days=7)  # an account in use changes some contact in a week; a rule of thumb of ours
MAILCHIMP, HUBSPOT, ACTION = "/webhooks/mailchimp", "/webhooks/hubspot", "/actions/hubspot"
KEPT = "file:.personasync/mailchimp_signing_secret"  # where the workspace names no place that is ours to write
UNHEARD = "No webhook has been received yet."


def missing(bench: Workbench, name: str) -> list[SetupStep]:
    """Return what has to be done that the platform of connection *name* sends its events to our service."""
    serve = bench.workspace.serve
    if serve is None or not serve.public_url:
        return []
    kind = bench.workspace.connections[name].connector
    if kind == "hubspot" and _written(bench, name) != _wanted(bench, name, serve):
        detail = f"the HubSpot app that sends events to {serve.public_url}{HUBSPOT}, for `hs project upload`"
        return [SetupStep(name, "write_files", PROJECT, detail)]
    if kind == "mailchimp" and _ours(bench, name, serve) is None:
        facts = bench.manifest.connectors[kind]
        told, by = ", ".join(one.type for one in facts.webhooks), ", ".join(facts.webhook_sources)
        return [SetupStep(name, "add_webhook", _shown(serve), f"for {told} by {by}")]
    return []


def create(bench: Workbench, step: SetupStep) -> str:
    """Do a step of `missing`, and return what a person has to know or do now.

    Raises:
        FixSettingsError: The service does not answer to the platform.
    """
    serve = bench.workspace.serve
    if serve is None:
        raise FixSettingsError(f"{MAIN} has no [serve] section.")
    if step.action == "write_files":
        for path, document in _wanted(bench, step.connection, serve).items():
            target = bench.workspace.directory / PROJECT / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return (
            f"Next, run `hs project upload` in {PROJECT}, then set [serve] hubspot_secret to the app's client secret."
        )
    facts = bench.manifest.connectors[bench.workspace.connections[step.connection].connector]
    webhook = Webhook(_mailchimp_url(bench, serve), tuple(one.type for one in facts.webhooks), facts.webhook_sources)
    try:
        secret = bench.connector(step.connection).add_webhook(webhook)
    except RejectedError as error:
        raise FixSettingsError(
            f"Mailchimp did not accept the webhook {_shown(serve)}: {error}",
            mend=("Mailchimp checks that the URL responds: start `personasync serve`, then run `personasync setup`."),
        ) from error
    return _keep(bench, serve, secret)


def findings(bench: Workbench, name: str) -> list[Finding]:
    """Say whether the events of connection *name* are sent here, signed, and have come lately."""
    serve, kind = bench.workspace.serve, bench.workspace.connections[name].connector
    if serve is None or kind not in {"hubspot", "mailchimp"}:
        return []
    if not serve.public_url:
        mend = f"Set public_url in [serve] of {MAIN}, then run `personasync setup`."
        return [Finding("webhooks", "warn", "The public URL of the webhook service is not set.", mend)]
    found = _of_hubspot(bench, name, serve) if kind == "hubspot" else _of_mailchimp(bench, name, serve)
    return [*found, _lately(bench, name)]


def _of_hubspot(bench: Workbench, name: str, serve: ServePart) -> list[Finding]:
    there, wanted = _written(bench, name), _wanted(bench, name, serve)
    if there == wanted:
        registered = Finding("webhooks", "ok", f"The app of {PROJECT} sends events to {serve.public_url}{HUBSPOT}.")
    else:
        what = "is out of date" if there else "has not been created yet"
        mend = f"Run `personasync setup`, then `hs project upload` in {PROJECT}."
        registered = Finding("webhooks", "warn", f"The HubSpot app in {PROJECT} {what}.", mend)
    secret = _secret(bench, "hubspot_secret")
    mend = "Set [serve] hubspot_secret to the client secret (in HubSpot: the app's page > Auth > Client secret)."
    signed = Finding("signatures", "ok", "The app's client secret is set; webhook signatures are verified.")
    return [
        registered,
        signed if secret else Finding("signatures", "fail", "HubSpot's client secret is not set.", mend),
    ]


def _of_mailchimp(bench: Workbench, name: str, serve: ServePart) -> list[Finding]:
    ours = _ours(bench, name, serve)
    if ours is None:
        return [Finding("webhooks", "warn", f"No webhook points to {_shown(serve)}.", "Run `personasync setup`.")]
    facts = bench.manifest.connectors["mailchimp"]
    lacking = {one.type for one in facts.webhooks} - set(ours.events)
    lacking |= set(facts.webhook_sources) - set(ours.sources)
    told = Finding("webhooks", "ok", f"The audience sends events to {_shown(serve)}.")
    if lacking:
        mend = "Turn it on in Mailchimp: Audience > Settings > Webhooks."
        told = Finding("webhooks", "warn", f"The webhook is not subscribed to {', '.join(sorted(lacking))}.", mend)
    return [told, _signed(bench, ours)]


def _signed(bench: Workbench, ours: Webhook) -> Finding:
    again = "Delete the webhook in Mailchimp and run `personasync setup`. The secret is shown only once."
    if ours.signed and _secret(bench, "mailchimp_secret"):
        return Finding("signatures", "ok", "Webhooks are signed and verified.")
    if _secret(bench, "mailchimp_path"):
        return Finding(
            "signatures",
            "warn" if ours.signed else "ok",
            "The webhook URL contains a secret.",
            again if ours.signed else "",
        )
    if ours.signed:
        return Finding("signatures", "fail", "Webhooks are signed, but the signing secret is not set.", again)
    mend = "Set [serve] mailchimp_path to a secret, delete the webhook in Mailchimp and run `personasync setup`."
    return Finding("signatures", "fail", "Webhooks are not signed and the URL contains no secret.", mend)


def _lately(bench: Workbench, name: str) -> Finding:
    last = bench.control.inbox.last_delivery(name)
    if last is None:
        return Finding("deliveries", "warn", UNHEARD, "Edit a contact there, then check `personasync inbox`.")
    came = f"Last event received {last:%Y-%m-%d %H:%M} UTC."
    if bench.now() - last <= QUIET:
        return Finding("deliveries", "ok", came)
    return Finding("deliveries", "warn", came, "Check that the service can be reached from the internet.")


def _ours(bench: Workbench, name: str, serve: ServePart) -> Webhook | None:
    wanted = _mailchimp_url(bench, serve)
    return next((one for one in bench.connector(name).webhooks() or () if one.url == wanted), None)


def _mailchimp_url(bench: Workbench, serve: ServePart) -> str:
    path = _secret(bench, "mailchimp_path")
    return f"{serve.public_url.rstrip('/')}{MAILCHIMP}" + (f"/{path.reveal()}" if path else "")


def _shown(serve: ServePart) -> str:
    """Return Mailchimp's address without what is secret of it."""
    return f"{serve.public_url.rstrip('/')}{MAILCHIMP}" + ("/***" if serve.mailchimp_path else "")


def _secret(bench: Workbench, key: str) -> Secret:
    """Return a secret of [serve], `NO_SECRET` where none is named or there."""
    reference = str(getattr(bench.workspace.serve, key))
    try:
        return (
            resolve_secret(
                reference,
                where=f"{MAIN}, [serve] {key}",
                environment=bench.environment,
                directory=bench.workspace.directory,
                several=key == "mailchimp_secret",
            )
            if reference
            else NO_SECRET
        )
    except PersonasyncError:
        return NO_SECRET


def _keep(bench: Workbench, serve: ServePart, secret: Secret) -> str:
    """Put a signing secret where the workspace says that it lies, beside those of other audiences."""
    if not secret:
        return (
            "" if serve.mailchimp_path else "Mailchimp webhooks are unsigned: set [serve] mailchimp_path to a secret."
        )
    directory = bench.workspace.directory
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


def _wanted(bench: Workbench, name: str, serve: ServePart) -> Mapping[str, Any]:
    facts, base = bench.manifest.connectors["hubspot"], serve.public_url.rstrip("/")
    mapped = bench.workspace.connection(name, bench.manifest, bench.environment).mapped
    return project_files(
        bench.manifest.plugin,
        facts,
        webhook_url=f"{base}{HUBSPOT}",
        action_url=f"{base}{ACTION}",
        properties=[one for one in mapped if not one.startswith("hs_")],  # HubSpot's own figures move with every mail
    )


def _written(bench: Workbench, name: str) -> Mapping[str, Any]:
    del name  # the service takes events of one HubSpot account
    root = bench.workspace.directory / PROJECT
    return {path.relative_to(root).as_posix(): _document(path) for path in sorted(root.rglob("*.json"))}


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None
