"""Run dlt's verified HubSpot source, unchanged, as the package that carries it ships it; print what it read."""

import json
import os

from ingestr.src.hubspot import hubspot

source = hubspot(api_key=os.environ["HUBSPOT_TOKEN"])
contacts = [f"{row['hs_object_id']} {row.get('email') or '-'}" for row in source.resources["contacts"]]
deals = [f"{row['hs_object_id']} {row['amount']}" for row in source.resources["deals"]]
print(json.dumps({"contacts": sorted(contacts), "deals": sorted(deals)}))
