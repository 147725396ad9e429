"""What `doctor` finds at a HubSpot account: token, scopes, and when the API's version ends. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connectors.errors import MissingScopeError, NotFoundError, PersonasyncError
from connectors.hubspot.account import Account
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import (
    CONTACTS_PAGE,
    DEALS_PAGE,
    EMAIL_EVENTS,
    EMAILS_PAGE,
    EVERY,
    EXPORT_STATUS,
    Operation,
)
from connectors.records import Finding

YEAR, HALF_A_YEAR = timedelta(days=365), timedelta(days=182)
READ = (CONTACTS_PAGE, DEALS_PAGE, EMAILS_PAGE, EMAIL_EVENTS)
RESULTS = {EMAILS_PAGE: "campaigns and their figures", EMAIL_EVENTS: "who got, opened and clicked what"}
"""What a plan without marketing e-mail lacks; the rest works without it."""


def account_findings(
    api: HubSpotApi, account: Account, *, name: str, manifest: Mapping[str, Any], exports: bool
) -> list[Finding]:
    """Return what there is to say of the account.

    Args:
        api: The account's API.
        account: Who tells the present.
        name: The connection's.
        manifest: HubSpot's table of plugin.toml.
        exports: Whether contacts are read by exports.
    """
    try:
        today = account.now().date()
    except PersonasyncError as error:
        return [Finding("credentials", "fail", str(error))]
    whose = f"HubSpot account {account.number} connected." if account.number else "HubSpot accepts the access token."
    findings = [Finding("credentials", "ok", whose)]
    if not account.readable:
        note = "Account information can't be read with this token; the time comes from other answers."
        findings.append(Finding("account", "ok", f"{note} Deals without a currency of their own count without one."))
    probes: list[tuple[Operation, dict[str, str], dict[str, Any]]] = [
        (operation, {}, {"limit": 1}) for operation in READ
    ]
    if exports:
        probes.append((EXPORT_STATUS, {"task_id": "0"}, {}))
    lacking = [finding for probe in probes if (finding := _scope(api, manifest, *probe)) is not None]
    fine = Finding("scopes", "ok", "All read scopes work; write scopes are checked at the first write.")
    return [*findings, *(lacking or [fine]), *version_findings(api.version, manifest, name, today)]


def _scope(
    api: HubSpotApi, manifest: Mapping[str, Any], probe: Operation, path: dict[str, str], query: dict[str, Any]
) -> Finding | None:
    try:
        api.call(probe, path=path, query=query)
    except NotFoundError:
        return None  # so it may be read
    except MissingScopeError as error:
        whys = {scope["name"]: scope["why"] for scope in manifest["scopes"]}
        named = [f"{scope} (to {whys[scope]})" if scope in whys else scope for scope in error.scopes]
        message = f"{probe.endpoint} can't be read. Missing scopes: {', '.join(named)}."
        if probe not in RESULTS:
            return Finding("scopes", "fail", message, error.fix)
        message = f"{message} Missing from results: {RESULTS[probe]}. The rest works."
        return Finding("scopes", "warn", message, error.fix)
    return None


def version_findings(version: str, manifest: Mapping[str, Any], name: str, today: date) -> list[Finding]:
    """Return when the version in use ends, and each path that ends at another time.

    Args:
        version: The connection's.
        manifest: HubSpot's table of plugin.toml.
        name: The connection's.
        today: The platform's.
    """
    versions: Mapping[str, date] = manifest["api_versions"]
    newest = list(versions)[-1]
    paths = _apart(version, manifest["paths_end"])
    movable = {path: end for path, end in paths.items() if _dated(path)}
    ends = [versions[version], *movable.values()]
    summary = " ".join(
        [_ending(version, versions[version], today), *(_ending(p, e, today) for p, e in movable.items())]
    )
    soon = min(ends) - today < YEAR
    fix = "Update personasync; this version of it knows no newer one."
    if version != newest:
        until = f"{newest} is supported until {versions[newest]}."
        fix = f'Set api_version = "{newest}" in [connections.{name}]. {until}'
    findings = [Finding("API version", "warn", summary, fix) if soon else Finding("API version", "ok", summary)]
    for path, end in paths.items():
        if path not in movable:
            sentence = f"{_ending(path, end, today)} No dated version has {_endpoints(path)}."
            late = end - today < HALF_A_YEAR
            fix = "Update personasync before then." if late else ""
            findings.append(Finding("API version", "warn" if late else "ok", sentence, fix))
    return findings


def _ending(what: str, end: date, today: date) -> str:
    return f"HubSpot {'ended' if end < today else 'supports'} {what} {'on' if end < today else 'until'} {end}."


def _apart(version: str, ends: Mapping[str, date]) -> dict[str, date]:
    used = [operation.path(version) for operation in EVERY]
    return {path: end for path, end in ends.items() if any(endpoint.startswith(path) for endpoint in used)}


def _under(path: str) -> Sequence[Operation]:
    return [operation for operation in EVERY if operation.numbered.startswith(path)]


def _dated(path: str) -> bool:
    return all(operation.dated for operation in _under(path))


def _endpoints(path: str) -> str:
    return ", ".join(operation.endpoint for operation in _under(path))
