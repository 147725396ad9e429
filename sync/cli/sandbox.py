"""The commands of the local platforms: sandbox up, send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sync.cli.console import table
from sync.cli.names import completing, experiments
from sync.cli.options import HERE, JsonOption, PeopleOption, SeedOption, WorkspaceOption, app, console_of

sandbox_app = typer.Typer(help="Local platforms to try things out.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")


@sandbox_app.command("up")
def sandbox_up_command(
    *,
    people: PeopleOption = 1000,
    seed: SeedOption = 20261124,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", metavar="DIR", help="Write a workspace that points to them, into a new folder."
        ),
    ] = None,
    hubspot_port: Annotated[
        int | None, typer.Option("--hubspot-port", help="Port of the local HubSpot. Default: 8100, or a free one.")
    ] = None,
    mailchimp_port: Annotated[
        int | None, typer.Option("--mailchimp-port", help="Port of the local Mailchimp. Default: 8200, or a free one.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="A file that keeps the data across restarts. With --workspace there is one."),
    ] = None,
    orders: Annotated[
        Path | None,
        typer.Option("--orders", help="A real order history (CSV or Parquet) instead of generated contacts."),
    ] = None,
    orders_as: Annotated[
        Literal["ecommerce", "deals"],
        typer.Option("--orders-as", help="Where orders are kept: ecommerce (Mailchimp) or deals (HubSpot)."),
    ] = "ecommerce",
    latency: Annotated[float, typer.Option("--latency", help="Delay of each response, in seconds.", min=0)] = 0.0,
    webhooks: Annotated[
        str, typer.Option("--webhooks", help="URL of a running `personasync serve` on this machine.", metavar="URL")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Start the local platforms with sample data. Prints the tokens and URLs. Ctrl-C stops them."""
    from connectors.errors import FixSettingsError  # noqa: PLC0415
    from connectors.sandbox import post, server  # noqa: PLC0415
    from connectors.sandbox.access import EXPORTS  # noqa: PLC0415
    from sync.ops import trial  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if webhooks and not post.is_here(webhooks):
        raise FixSettingsError(
            f"--webhooks {webhooks}: the local platforms send webhooks to this machine only.", fix=WEBHOOKS
        )

    kept = trial.state_file(workspace) if workspace is not None and state is None else state

    def ready(access: dict[str, str]) -> None:
        rows = list(access.items())
        if workspace is None:
            console.result(access, table("", "", rows=rows), EXPORTS.format(**access))
            return
        trial.write_trial(workspace, access)
        document = {**access, "workspace": str(workspace)}
        console.result(document, f"The local platforms are running. Workspace: {workspace}", TRIAL.format(workspace))

    server.serve_platforms(
        people=people,
        seed=seed,
        hubspot_port=server.free_port(8100) if hubspot_port is None else hubspot_port,
        mailchimp_port=server.free_port(8200) if mailchimp_port is None else mailchimp_port,
        state=kept,
        orders=orders,
        orders_as=orders_as,
        latency=latency,
        webhooks=webhooks,
        ready=ready,
    )


WEBHOOKS = "Use the URL of `personasync serve`, such as http://127.0.0.1:8080."

TRIAL = (
    "\nIn another terminal:\n  cd {}\n  personasync doctor\n\nPress Ctrl-C to stop both platforms. "
    "The same command starts them again, with their data."
)


@sandbox_app.command("send")
def sandbox_send_command(
    *,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="NAME", help="Only to contacts with this tag, such as a segment.")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            "--experiment",
            metavar="NAME",
            help="To each variant: the first gets the same text for everybody, the others their persona's copy.",
            autocompletion=completing(experiments),
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="The email. Default: one with the fields headline and offer.", dir_okay=False
        ),
    ] = None,
    days: Annotated[
        float, typer.Option("--days", help="Days that pass, in which people answer (at most 3).", min=0, max=365)
    ] = 4,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Send a campaign on the local platforms, and let people answer. Default: to the whole audience."""
    from dataclasses import asdict  # noqa: PLC0415

    from sync.clock import clock_of  # noqa: PLC0415 - heavy imports only where needed
    from sync.ops import trial  # noqa: PLC0415

    console = console_of(as_json=as_json)
    text = None if html is None else trial.read_mail(html)
    sent = trial.send_trial(workspace, tag=tag, experiment=experiment, html=text, days=days)
    at = clock_of(workspace)()
    document = {"sent": [asdict(sending) for sending in sent], "now": at}
    lines = [f"Sent to {sending.to}: {sending.people:,} people." for sending in sent]
    passed = f"{days:g} days passed on the local platforms; in this workspace it is {at:%Y-%m-%d %H:%M} UTC now."
    console.result(document, *lines, passed)
