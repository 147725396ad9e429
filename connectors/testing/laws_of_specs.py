"""Laws of specs: what a connector declares is enough to trust it."""

from __future__ import annotations

from fnmatch import fnmatch
from urllib.parse import urlsplit

from connectors.testing.kit import Kit
from connectors.testing.law import law


@law("every scope says why it is needed")
def specs_scopes(kit: Kit) -> None:
    assert [scope.name for scope in kit.stand.spec.scopes if len(scope.why.split()) < 2] == []


@law("the usual address is https, and one of the hosts", needs="network")
def specs_hosts(kit: Kit) -> None:
    spec = kit.stand.spec
    parts = urlsplit(spec.base_url.replace("{dc}", "us1"))

    assert spec.hosts
    assert not spec.base_url or parts.scheme == "https"
    assert not spec.base_url or any(fnmatch(parts.hostname or "", pattern) for pattern in spec.hosts)


@law("no host is every host", needs="network")
def specs_narrow(kit: Kit) -> None:
    patterns = (*kit.stand.spec.hosts, *kit.stand.spec.download_hosts)

    assert [pattern for pattern in patterns if pattern.count(".") < 2 and "*" in pattern] == []


@law("the secret is a reference, and not a plain setting", needs="network")
def specs_secret(kit: Kit) -> None:
    assert kit.stand.spec.secret in kit.stand.spec.settings


@law("our groups are known by what their names begin with", needs="groups")
def specs_prefix(kit: Kit) -> None:
    assert kit.prefix


@law("our fields have names of their own, which fit", needs="fields")
def specs_fields(kit: Kit) -> None:
    names = [field.name for field in kit.stand.spec.fields]
    most = kit.stand.spec.capabilities.longest_field_name

    assert names
    assert len(set(names)) == len(names)
    assert not most or [name for name in names if len(name) > most] == []


@law("contacts are among what the connector provides")
def specs_provides(kit: Kit) -> None:
    assert "contacts" in {data for group in kit.stand.spec.provides.values() for data in group}


@law("properties that feed traits are read")
def specs_traits(kit: Kit) -> None:
    fed = {name for names in kit.stand.spec.traits.values() for name in names}
    reads = set(kit.connect().reads)

    assert not fed or not reads or fed & (reads | set(kit.stand.spec.properties))


@law("the connector is made as an entry point makes it, and asks nobody")
def specs_made(kit: Kit) -> None:
    connector = kit.connect()

    assert connector.name
    assert "contacts" in connector.streams
    assert not kit.proxy.seen


@law("campaigns are read where the spec says so", needs="campaigns")
def specs_campaigns(kit: Kit) -> None:
    assert kit.connect().result_streams
