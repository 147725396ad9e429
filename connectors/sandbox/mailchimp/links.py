"""The `_links` that every Mailchimp document carries."""

from __future__ import annotations

Link = dict[str, str]
SCHEMAS = "schema/3.0"


def link(rel: str, href: str, method: str = "GET", target: str = "", schema: str = "") -> Link:
    """Return one link; *target* and *schema* name documents under /schema/3.0."""
    host = href.partition("/3.0")[0]
    entry = {"rel": rel, "href": href, "method": method}
    if target:
        entry["targetSchema"] = f"{host}/{SCHEMAS}/{target}.json"
    if schema:
        entry["schema"] = f"{host}/{SCHEMAS}/{schema}.json"
    return entry


def item_links(href: str, kind: str) -> list[Link]:
    """Return self, parent, update and delete of one document of the collection *kind* (as Lists/MergeFields)."""
    response, parent = f"Definitions/{kind}/Response", href.rpartition("/")[0]
    return [
        link("self", href, target=response),
        link("parent", parent, target=f"Definitions/{kind}/CollectionResponse", schema=f"Paths/{kind}/Collection"),
        link("update", href, "PATCH", response, f"Definitions/{kind}/PATCH"),
        link("delete", href, "DELETE"),
    ]


def collection_links(href: str, kind: str, *, schema: str = "", parent: str = "Lists") -> list[Link]:
    """Return self, parent and create of a collection."""
    collection = f"Definitions/{kind}/CollectionResponse"
    return [
        link("self", href, target=collection, schema=schema or f"Paths/{kind}/Collection"),
        link("parent", href.rpartition("/")[0], target=f"Definitions/{parent}/Response"),
        link("create", href, "POST", f"Definitions/{kind}/Response", f"Definitions/{kind}/POST"),
    ]
