"""Whole loops on the stand-ins: pull, assign, setup, plan, apply, a second plan that is empty, results, undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.described.brevo_platform import KEY as KEY_OF_BREVO
from tests.described.brevo_platform import BrevoPlatform
from tests.described.klaviyo_platform import KEY, KlaviyoPlatform
from tests.sync.outside import commands
from tests.sync.test_outside_connector import answers

pytestmark = [pytest.mark.outside, pytest.mark.long]
SETTINGS = """\
[workspace]
name = "Mailer"

[guardrails]
max_changed = 1.0
max_unclassified = 1.0

[personalize]
min_audience = 1

[connections.email]
connector = "{connector}"
{secret} = "env:MAILER_KEY"
base_url = "{url}"
extra_fields = "confidence, reason, since"
"""
SEGMENTS = """\
[[segments]]
name = "swedes"
rule = "country = 'SE'"
"""
STEPS = [
    *(["connectors", "list", "--json"], ["pull", "--json"], ["assign"], ["setup", "--yes"], ["plan", "--json"]),
    *(["apply", "--json"], ["pull", "--json"], ["plan", "--json"], ["results", "--json"], ["undo", "last", "--yes"]),
    *(["pull", "--json"], ["doctor"]),
]


def workspace(folder: Path, **names: str) -> Path:
    """A workspace whose one connection is of that platform."""
    folder.mkdir()
    (folder / "personasync.toml").write_text(SETTINGS.format(**names), "utf-8")
    (folder / "segments.toml").write_text(SEGMENTS, "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")
    return folder


def gone_through(folder: Path, key: str) -> dict[str, Any]:
    """Run every step, and return what each said."""
    done = commands(folder, json.dumps(STEPS), at=folder, MAILER_KEY=key)
    statuses, said = zip(*answers(done.stdout), strict=True)
    assert statuses == (0,) * len(STEPS), f"{done.stdout}\n{done.stderr}"
    names = ("listed", "pulled", "assigned", "made", "plan", "applied", "again", "second", "results", "undone")
    return dict(zip(names, said, strict=False))


def test_klaviyo_goes_the_whole_way(tmp_path: Path) -> None:
    with KlaviyoPlatform() as platform:
        swedes = [platform.person(f"swede{number}@people.test", theirs="kept") for number in range(130)]
        others = [platform.person(f"dane{number}@people.test") for number in range(20)]
        for key in swedes:
            platform.profiles[key].location = {"country": "SE"}
        out = platform.person("out@people.test")
        platform.profiles[out].location, platform.profiles[out].suppressed = {"country": "SE"}, ["UNSUBSCRIBE"]
        letter = platform.message("November")
        for key in (*swedes, *others):
            platform.happened("Received Email", key, **{"$message": letter})
        for key in swedes[:7]:
            platform.happened("Clicked Email", key, **{"$message": letter, "URL": "https://shop.test/"})
        order = {"$value": 12.5, "$event_id": "1001"}
        platform.happened("Placed Order", swedes[0], **order)
        before = {key: (dict(p.properties), p.consent) for key, p in platform.profiles.items()}

        folder = workspace(tmp_path / "mailer", connector="klaviyo", secret="private_key", url=platform.url)
        said = gone_through(folder, KEY)
        plan, applied, second = (json.loads(said[name]) for name in ("plan", "applied", "second"))
        [listed] = [entry for entry in json.loads(said["listed"])["connectors"] if entry["name"] == "klaviyo"]

        assert listed["beta"] is True
        assert json.loads(said["pulled"])["rows"]["email orders"] == 1
        assert plan["changes"] == 130 * 4 + 20  # segment, reason, since and list of Swedes; of others the persona
        assert (applied["outcomes"], second["changes"]) == ({"email applied": plan["changes"]}, 0)
        assert json.loads(said["results"])["rows"] == {"email orders": 1, "email campaigns": 1, "email activity": 157}
        assert {key: (dict(p.properties), p.consent) for key, p in platform.profiles.items()} == before  # undone
        assert sorted(platform.lists.values()) == ["ps:swedes"]
        assert not any(platform.members.values())
        assert (platform.faults, platform.refusals, platform.created, sum(platform.turned_away.values())) == (
            [],
            [],
            0,
            0,
        )


def test_brevo_goes_the_whole_way(tmp_path: Path) -> None:
    with BrevoPlatform() as platform:
        everybody = platform.list_named("everybody")
        swedes = [platform.person(f"swede{number}@people.test", COUNTRY="SE", THEIRS="kept") for number in range(130)]
        others = [platform.person(f"dane{number}@people.test", COUNTRY="DK") for number in range(20)]
        out = platform.contacts[int(platform.person("out@people.test", COUNTRY="SE"))]
        out.blocklisted = True
        for contact in platform.contacts.values():
            contact.lists.append(everybody)
        letter = platform.send("November", everybody)
        for key in swedes[:7]:
            platform.happened("opened", letter, platform.contacts[int(key)], count=2, ip="192.0.2.1")
            platform.clicked(letter, platform.contacts[int(key)], "https://shop.test/")
        before = {key: (dict(c.attributes), c.blocklisted, list(c.lists)) for key, c in platform.contacts.items()}

        folder = workspace(tmp_path / "mailer", connector="brevo", secret="api_key", url=platform.url)
        said = gone_through(folder, KEY_OF_BREVO)
        plan, applied, second = (json.loads(said[name]) for name in ("plan", "applied", "second"))
        assert json.loads(said["results"])["rows"] == {"email campaigns": 1, "email activity": 150 + 14}

        assert plan["changes"] == 130 * 4 + 20
        assert (applied["outcomes"], second["changes"]) == ({"email applied": plan["changes"]}, 0)
        assert len(others) == 20
        assert before == {
            key: (dict(c.attributes), c.blocklisted, list(c.lists)) for key, c in platform.contacts.items()
        }  # undone
        assert sorted(name for name, _ in platform.lists.values()) == ["everybody", "ps:swedes"]
        assert (platform.faults, platform.refusals, platform.created, sum(platform.turned_away.values())) == (
            [],
            [],
            0,
            0,
        )
