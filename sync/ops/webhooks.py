"""Whether the platforms send their events here, and what has to be done that they do."""

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
UNHEARD = "Nothing has ever been delivered from here."


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
        raise FixSettingsError(f"{MAIN} has no section [serve].")
    if step.action == "write_files":
        for path, document in _wanted(bench, step.connection, serve).items():
            target = bench.workspace.directory / PROJECT / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return f"Now run `hs project upload` in {PROJECT}, and give the app's client secret to [serve] hubspot_secret."
    facts = bench.manifest.connectors[bench.workspace.connections[step.connection].connector]
    webhook = Webhook(_mailchimp_url(bench, serve), tuple(one.type for one in facts.webhooks), facts.webhook_sources)
    try:
        secret = bench.connector(step.connection).add_webhook(webhook)
    except RejectedError as error:
        raise FixSettingsError(
            f"Mailchimp did not take the webhook {_shown(serve)}: {error}",
            mend="It looks whether somebody answers there: start `personasync serve`, then run `personasync setup`.",
        ) from error
    return _keep(bench, serve, secret)


def findings(bench: Workbench, name: str) -> list[Finding]:
    """Say whether the events of connection *name* are sent here, signed, and have come lately."""
    serve, kind = bench.workspace.serve, bench.workspace.connections[name].connector
    if serve is None or kind not in {"hubspot", "mailchimp"}:
        return []
    if not serve.public_url:
        mend = f"Set public_url in [serve] of {MAIN}, then run `personasync setup`."
        return [Finding("webhooks", "warn", "Nobody knows where the webhook service is reached from outside.", mend)]
    found = _of_hubspot(bench, name, serve) if kind == "hubspot" else _of_mailchimp(bench, name, serve)
    return [*found, _lately(bench, name)]


def _of_hubspot(bench: Workbench, name: str, serve: ServePart) -> list[Finding]:
    there, wanted = _written(bench, name), _wanted(bench, name, serve)
    if there == wanted:
        registered = Finding("webhooks", "ok", f"The app of {PROJECT} sends events to {serve.public_url}{HUBSPOT}.")
    else:
        what = "is not as it should be" if there else "was not written yet"
        mend = f"Run `personasync setup`, then `hs project upload` in {PROJECT}."
        registered = Finding("webhooks", "warn", f"The HubSpot app in {PROJECT} {what}.", mend)
    secret = _secret(bench, "hubspot_secret")
    mend = "Give [serve] hubspot_secret: the app's page in HubSpot, Auth, Client secret."
    signed = Finding("signatures", "ok", "The app's secret is known; deliveries are checked with it.")
    return [registered, signed if secret else Finding("signatures", "fail", "HubSpot's secret is not known.", mend)]


def _of_mailchimp(bench: Workbench, name: str, serve: ServePart) -> list[Finding]:
    ours = _ours(bench, name, serve)
    if ours is None:
        return [Finding("webhooks", "warn", f"No webhook leads to {_shown(serve)}.", "Run `personasync setup`.")]
    facts = bench.manifest.connectors["mailchimp"]
    lacking = {one.type for one in facts.webhooks} - set(ours.events)
    lacking |= set(facts.webhook_sources) - set(ours.sources)
    told = Finding("webhooks", "ok", f"The audience sends events to {_shown(serve)}.")
    if lacking:
        mend = "Switch it on in Mailchimp: Audience, Settings, Webhooks."
        told = Finding("webhooks", "warn", f"The webhook does not tell of {', '.join(sorted(lacking))}.", mend)
    return [told, _signed(bench, ours)]


def _signed(bench: Workbench, ours: Webhook) -> Finding:
    again = "Delete the webhook in Mailchimp and run `personasync setup`: the secret is shown once."
    if ours.signed and _secret(bench, "mailchimp_secret"):
        return Finding("signatures", "ok", "Deliveries are signed, and the secret is known.")
    if _secret(bench, "mailchimp_path"):
        return Finding(
            "signatures",
            "warn" if ours.signed else "ok",
            "The address itself is the secret.",
            again if ours.signed else "",
        )
    if ours.signed:
        return Finding("signatures", "fail", "Deliveries are signed, and the secret is not known.", again)
    mend = "Give [serve] mailchimp_path a secret, delete the webhook in Mailchimp and run `personasync setup`."
    return Finding("signatures", "fail", "Deliveries are not signed, and the address is no secret.", mend)


def _lately(bench: Workbench, name: str) -> Finding:
    last = bench.control.inbox.last_delivery(name)
    if last is None:
        return Finding("deliveries", "warn", UNHEARD, "Change a contact there, and see `personasync inbox`.")
    came = f"The last event came {last:%Y-%m-%d %H:%M} UTC."
    if bench.now() - last <= QUIET:
        return Finding("deliveries", "ok", came)
    return Finding("deliveries", "warn", came, "Look whether the service can be reached from outside.")


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
        return "" if serve.mailchimp_path else "Mailchimp does not sign: give [serve] mailchimp_path a secret."
    directory = bench.workspace.directory
    if add_secret(serve.mailchimp_secret, secret, directory=directory):
        return "Mailchimp's signing secret was put where [serve] mailchimp_secret says. Start `personasync serve` anew."
    # Mailchimp shows it this once, and whatever is printed ends up in some log
    add_secret(KEPT, secret, directory=directory)
    move = f"move it to {serve.mailchimp_secret}, or write" if serve.mailchimp_secret else "write"
    return (
        f"Mailchimp shows its signing secret this once, so it was put into {KEPT.removeprefix('file:')} of the "
        f'workspace: {move} mailchimp_secret = "{KEPT}" into [serve]. Then start `personasync serve` anew.'
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
