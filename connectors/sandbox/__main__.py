"""``python -m connectors.sandbox``: both local platforms in a process of their own, for the demo and for tests."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from connectors.sandbox.orders import OrderFileError
from connectors.sandbox.server import serve_platforms


def main() -> int:
    """Serve until a signal ends it. Prints one line of JSON once both platforms answer."""
    parser = argparse.ArgumentParser(prog="connectors.sandbox")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--port-hubspot", type=int, default=0)
    parser.add_argument("--port-mailchimp", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--orders", type=Path)
    parser.add_argument("--orders-as", choices=["ecommerce", "deals"], default="ecommerce")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--webhooks", default="")
    parser.add_argument("--begins", type=datetime.fromisoformat)
    options = parser.parse_args()
    try:
        serve_platforms(
            people=options.people,
            seed=options.seed,
            hubspot_port=options.port_hubspot,
            mailchimp_port=options.port_mailchimp,
            state=options.state,
            orders=options.orders,
            orders_as=options.orders_as,
            latency=options.latency,
            webhooks=options.webhooks,
            begins=options.begins,
            ready=lambda access: print(json.dumps(access), flush=True),  # noqa: T201 - the one line that is the answer
        )
    except (OrderFileError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a process of its own has no other way to say it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
