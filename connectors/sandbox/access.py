"""How a workspace is connected to the local platforms, whose addresses and keys `Sandbox.access` tells."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.sandbox import marketer

SECRETS = {"hubspot_token": "secrets/hubspot", "mailchimp_key": "secrets/mailchimp"}
"""Files of a workspace that hold the tokens, by their names in the access."""
BY_ENVIRONMENT = {"hubspot_token": "env:HUBSPOT_TOKEN", "mailchimp_key": "env:MAILCHIMP_API_KEY"}
ADDRESSES = ("hubspot_url", "mailchimp_url")
REMEMBERED = (*ADDRESSES, "audience")
FREE_PORTS = ("--port-hubspot", "0", "--port-mailchimp", "0")
"""Arguments of ``python -m connectors.sandbox``."""
MAILER, MAILER_KEY = "mailchimp", "api_key"
"""The connector through which local mails go, and the setting that holds its secret."""

EXPORTS = (
    "\nIn another terminal:\n  export HUBSPOT_TOKEN={hubspot_token}\n  export "
    "MAILCHIMP_API_KEY={mailchimp_key}\n  export HUBSPOT_APP_SECRET={hubspot_secret}\nand in "
    'personasync.toml:\n  [connections.crm]    base_url = "{hubspot_url}"\n  '
    '[connections.email]  base_url = "{mailchimp_url}"   audience = "{audience}"\nPress '
    "Ctrl-C to stop both platforms."
)


def local_environment(access: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that hold the tokens.

    Returns:
        Token by variable.
    """
    return {reference.removeprefix("env:"): access[name] for name, reference in BY_ENVIRONMENT.items()}


def local_connections(
    access: Mapping[str, str], secrets: Mapping[str, str] = BY_ENVIRONMENT
) -> list[tuple[str, str, dict[str, str]]]:
    """Return the connections of a workspace on the local platforms.

    Args:
        access: Where they are.
        secrets: References to the tokens, by their names in the access.

    Returns:
        Name, connector and settings of each.
    """
    crm = {"access_token": secrets["hubspot_token"], "base_url": access["hubspot_url"]}
    email = {MAILER_KEY: secrets["mailchimp_key"], "audience": access["audience"], "base_url": access["mailchimp_url"]}
    return [("crm", "hubspot", crm), ("email", MAILER, email)]


def local_mailing(access: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the address, the key and the audience with which mails are sent.

    Returns:
        What `connectors.sandbox.marketer` takes first.
    """
    return access["mailchimp_url"], access["mailchimp_key"], access["audience"]


def local_writes(access: Mapping[str, str]) -> int:
    """Return how many writes both platforms have seen.

    Returns:
        Requests since they started.
    """
    return sum(marketer.writes_seen(access[name]) for name in ADDRESSES)
