"""Previews of a workspace on local platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.preview import preview
from sync.workbench import Workbench


def test_all_personas_side_by_side_with_shares_of_fallbacks_and_what_is_wrong(ready: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "mail.html"
    path.write_text("<h1>*|PS_HEAD|*</h1>*|IF:PERSONA=nora_new|*new*|END:IF|*\n*|NOBODY|*", "utf-8")

    found = preview(ready, path)

    shown = {one.title: one for one in found.shown}
    assert shown["Nora New"].html == "<h1>Welcome to the shop</h1>new\n*|NOBODY|*"
    assert shown["Unclassified"].html == "<h1>News from the shop</h1>\n*|NOBODY|*"
    assert (shown["Nora New"].fallbacks, shown["Unclassified"].fallbacks) == ({"PS_HEAD": 0.0}, {"PS_HEAD": 1.0})
    assert found.problems == ["line 2, column 1: NOBODY is no field of personasync; its value is not known"]
    assert "Welcome to the shop" in found.page()
    path.write_text("{{ contact.personasync_persona }}", "utf-8")
    assert preview(ready, path, persona="nora_new").shown[0].html == "Nora New"
    for content, message in ((b"\xff\xfe", "can't be read"), (b"*|A\0", "is no text"), (b"plain", "no connection")):
        path.write_bytes(content)
        with pytest.raises(FixSettingsError, match=message):
            preview(ready, path)
