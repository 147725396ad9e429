"""Run HubSpot's new Python SDK, which speaks the dated paths, pointed by its own variable; print what it read."""

import json
import os

from hubspot_sdk import HubSpot

client = HubSpot(access_token=os.environ["HUBSPOT_TOKEN"])
crm = client.crm
rows = crm.objects.contacts.list(limit=100, properties=["email"])
contacts = [f"{row.id} {row.properties.get('email') or '-'}" for row in rows]
orders = crm.objects.deals.list(limit=100, properties=["amount"])
lists = crm.lists.list_by_search(count=100, list_ids=[], offset=0, processing_types=[])
members = [row.record_id for one in lists.lists for row in crm.lists.list_memberships(one.list_id, limit=100)]
print(
    json.dumps(
        {
            "contacts": sorted(contacts),
            "deals": sorted(f"{row.id} {row.properties['amount']}" for row in orders),
            "lists": sorted(one.name for one in lists.lists),
            "list members": sorted(members),
        }
    )
)
