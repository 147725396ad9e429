"""Previews of a workspace on local platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from sync.ops.demo import FAVOURITE
from sync.preview.job import preview
from sync.session import Session
from tests.sync.conftest import Platforms, edit


def test_all_personas_side_by_side_with_shares_of_fallbacks_and_what_is_wrong(ready: Session, tmp_path: Path) -> None:
    path = tmp_path / "mail.html"
    path.write_text("<h1>*|PS_HEAD|*</h1>*|IF:PERSONA=nora_new|*new*|END:IF|*\n*|NOBODY|*", "utf-8")

    sheet = preview(ready, path)

    shown = {mail.title: mail for mail in sheet.shown}
    assert shown["Nora New"].html == "<h1>Welcome to the shop</h1>new\n*|NOBODY|*"
    assert shown["Unclassified"].html == "<h1>News from the shop</h1>\n*|NOBODY|*"
    assert (shown["Nora New"].fallbacks, shown["Unclassified"].fallbacks) == ({"PS_HEAD": 0.0}, {"PS_HEAD": 1.0})
    problem = "line 2, column 1: the audience has no merge field NOBODY; Mailchimp prints the tag unchanged"
    assert sheet.problems == [problem]
    assert "Welcome to the shop" in sheet.page()
    path.write_text("{{ contact.personasync_persona }}", "utf-8")
    assert preview(ready, path, persona="nora_new").shown[0].html == "Nora New"
    for content, message in ((b"\xff\xfe", "can't be read"), (b"*|A\0", "is not text"), (b"plain", "no connection")):
        path.write_bytes(content)
        with pytest.raises(FixSettingsError, match=message):
            preview(ready, path)


def test_fields_of_others_stand_in_brackets_for_a_persona_and_as_they_are_for_a_contact(
    ready: Session, platforms: Platforms, tmp_path: Path
) -> None:
    member = next(member for member in platforms.members() if member["status"] == "subscribed")
    fields = platforms.email.fields(AUDIENCE)
    next(field for field in fields.values() if field["tag"] == "LNAME")["default_value"] = "friend"
    member["merge_fields"]["LNAME"] = ""
    path = tmp_path / "mail.html"
    path.write_text(
        "*|FNAME|*, *|LNAME|*: *|EMAIL|* *|IF:COUNTRY=XX|*far*|ELSE:|*near*|END:IF|* *|LIST:NAME|*", "utf-8"
    )

    everybody = preview(ready, path, persona="nora_new")
    alone = preview(ready, path, contact=member["email_address"])
    path.write_text("{{ contact.firstname }} {{ contact.nothing }}{{ contact.personasync_segment }}", "utf-8")
    crm = preview(ready, path, persona="nora_new")
    platforms.sandbox.journal.faults[:] = [InjectedFault(kind="html", platform="hubspot", status=200, times=10_000)]
    silent = preview(ready, path, persona="nora_new")

    assert everybody.shown[0].html == "[First Name], [Last Name]: [e-mail address] near [LIST:NAME]"
    assert everybody.problems == []
    assert everybody.notes == [
        "Mailchimp fills in LIST:NAME; the preview shows them in brackets.",
        "FNAME, LNAME, EMAIL, COUNTRY: individual values; the preview shows them in brackets.",
        "Conditions use COUNTRY: the preview shows the branch for any other value.",
    ]
    name, address = member["merge_fields"]["FNAME"], member["email_address"].lower()
    assert alone.shown[0].html == f"{name}, friend: {address} near [LIST:NAME]"
    assert alone.shown[0].empty == ["LNAME"]
    assert crm.shown[0].html == "[First Name] Newcomers"
    assert crm.problems == ["line 1, column 25: HubSpot has no property nothing and prints nothing"]
    assert silent.shown[0].html.startswith("[firstname] [nothing]")
    assert "Can't read the fields of crm" in silent.problems[0]


def test_segments_out_of_focus_are_shown_what_they_will_get(
    ready: Session, platforms: Platforms, tmp_path: Path
) -> None:
    path = tmp_path / "mail.html"
    path.write_text("*|PS_HEAD|*", "utf-8")
    edit(platforms, "[guardrails]", '[value]\nfocus = ["newcomers"]\n\n[guardrails]')
    ready.reload()

    sheet = preview(ready, path)

    assert [mail.title for mail in sheet.shown] == ["Nora New", "Unclassified"]
    assert "newcomers" in sheet.focus.lower()
    assert sheet.focus in sheet.page()


def test_a_preview_shows_what_most_people_of_a_persona_get_and_says_which_share(ready: Session, tmp_path: Path) -> None:
    """Most of them have no favourite category: they get the fallback, and so the preview shows it."""
    personas, path = ready.workspace.directory / "personas.toml", tmp_path / "mail.html"
    personas.write_text(personas.read_text("utf-8") + FAVOURITE, "utf-8")
    ready.reload()
    path.write_text("*|PS_HEAD|*: new in *|PS_FAV|*", "utf-8")

    mails = {previewed.title: previewed for previewed in preview(ready, path).shown}

    newcomers = mails["Nora New"]
    head, favourite = newcomers.fields
    assert newcomers.html == "Welcome to the shop: new in the whole shop"
    assert (head.share, head.others) == (1.0, {})
    assert (favourite.value, favourite.fallback, favourite.share) == ("the whole shop", True, newcomers.share)
    assert favourite.share == newcomers.fallbacks["PS_FAV"] > 0.7
    for mail in mails.values():
        assert all(field.share > max(field.others.values(), default=0) for field in mail.fields)
    page = preview(ready, path).page()
    assert f"{newcomers.people} people; {newcomers.share:.0%} get exactly this" in page
    assert f"PS_FAV: “the whole shop” (the fallback) for {favourite.share:.0%}; “" in page
