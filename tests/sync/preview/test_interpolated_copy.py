"""Copy with traits in it, from personas.toml to the platforms: never mailed with its braces."""

from __future__ import annotations

import json

import pytest

from tests.sync.conftest import Platforms, Run

COPY = 'headline = "More {favourite_category|things} for you"'


@pytest.mark.long
def test_copy_is_filled_in_the_plan_the_preview_and_on_the_platforms(platforms: Platforms, say: Run) -> None:
    personas = platforms.folder / "personas.toml"
    lines = personas.read_text("utf-8").splitlines()
    text = "\n".join(COPY if line.startswith("headline = ") else line for line in lines)
    personas.write_text(text, "utf-8")
    assert COPY in text
    mail = platforms.folder / "mail.html"
    mail.write_text("<h1>*|PS_HEAD|*</h1>", "utf-8")

    for command in ("pull", "assign", "setup --yes"):
        assert say(*command.split())[0] == 0
    _, planned, _ = say("plan", "--json")
    status, previewed, error = say("preview", str(mail), "--out", str(platforms.folder / "preview.html"), "--json")
    assert status == 0, error
    assert say("apply")[0] == 0

    news = [sample["after"] for sample in json.loads(planned)["samples"] if sample.get("field") == "PS_HEAD"]
    heads = {member["merge_fields"].get("PS_HEAD") for member in platforms.members()}
    assert news
    filled = [head for head in heads if head and head.startswith("More ") and head != "More things for you"]
    assert filled
    assert "{favourite" not in str([news, previewed, heads])

    personas.write_text(text.replace("favourite_category|", "favorite_category|", 1), "utf-8")
    status, _, error = say("plan")
    assert status == 2
    assert "personas.toml, line " in error
    assert "there is no trait 'favorite_category'; known: favourite_category" in " ".join(error.split())
