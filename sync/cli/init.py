"""Getting started commands: init, sandbox up, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, app, console_of

sandbox_app = typer.Typer(help="Local HubSpot and Mailchimp to try things out.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")

PeopleOption = Annotated[int, typer.Option("--people", help="Number of generated contacts.", min=1)]
SeedOption = Annotated[int, typer.Option("--seed", help="Random seed; the same seed gives the same contacts.")]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", file_okay=False)] = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Create a workspace with commented settings. Asks questions at a terminal."""
    from sync.cli.prompts import ask, defaults  # noqa: PLC0415
    from sync.workspace.scaffold import Answers, write_workspace  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    asked = sys.stdin.isatty() and not as_json
    answers: Answers = ask(directory) if asked else defaults(directory)
    written = write_workspace(directory, answers)
    lines = [f"Wrote {path}" for path in written] or ["All files exist already; nothing was overwritten."]
    console.result({"written": [str(path) for path in written]}, *lines, NEXT)


NEXT = "Next: set the environment variables that personasync.toml names, then run `personasync doctor`."


@sandbox_app.command("up")
def sandbox_up(
    *,
    people: PeopleOption = 1000,
    seed: SeedOption = 20261124,
    hubspot_port: Annotated[
        int, typer.Option("--hubspot-port", help="Port of the local HubSpot; 0 picks a free one.")
    ] = 8100,
    mailchimp_port: Annotated[
        int, typer.Option("--mailchimp-port", help="Port of the local Mailchimp; 0 picks a free one.")
    ] = 8200,
    state: Annotated[Path | None, typer.Option("--state", help="A file that keeps the data across restarts.")] = None,
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

    console = console_of(as_json=as_json)
    if webhooks and not post.is_here(webhooks):
        raise FixSettingsError(
            f"--webhooks {webhooks}: the local platforms send webhooks to this machine only.", mend=WEBHOOKS
        )

    def ready(access: dict[str, str]) -> None:
        rows = list(access.items())
        console.result(access, table("", "", rows=rows), EXPORTS.format(**access))

    server.serve(
        people=people,
        seed=seed,
        hubspot_port=hubspot_port,
        mailchimp_port=mailchimp_port,
        state=state,
        orders=orders,
        orders_as=orders_as,
        latency=latency,
        webhooks=webhooks,
        ready=ready,
    )


WEBHOOKS = "Use the URL of `personasync serve`, such as http://127.0.0.1:8080."

EXPORTS = (
    "\nIn another terminal:\n  export HUBSPOT_TOKEN={hubspot_token}\n  export "
    "MAILCHIMP_API_KEY={mailchimp_key}\n  export HUBSPOT_APP_SECRET={hubspot_secret}\nand in "
    'personasync.toml:\n  [connections.crm]    base_url = "{hubspot_url}"\n  '
    '[connections.email]  base_url = "{mailchimp_url}"   audience = "{audience}"\nPress '
    "Ctrl-C to stop both platforms."
)


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", file_okay=False)] = Path("demo-workspace"),
    *,
    people: PeopleOption = 3000,
    seed: SeedOption = 20261124,
    orders: Annotated[
        Path | None,
        typer.Option("--orders", help="A real order history (CSV or Parquet) instead of generated contacts."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole loop on local platforms, without accounts. Runs it twice: the second run changes nothing."""
    from sync.ops import demo as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with console.progress() as progress:
        shown = job.demo(directory, people=people, seed=seed, orders=orders, tell=console.say, progress=progress)
    console.result(
        shown.document,
        table("", "", rows=shown.rows),
        *shown.sentences,
        f"Report: {shown.report}",
        f"Email preview: {shown.preview}",
    )
