"""Where contacts of one person disagree, the trusted connection decides, then the newest; a stage never goes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync.cli.main import run

SETTINGS = """
[workspace]
name = "Acme"
[connections.crm]
connector = "files"
contacts = "crm.csv"
[connections.shop]
connector = "files"
contacts = "shop.csv"
[traits.tier]
connection = "shop"
property = "tier"
"""
CRM = "id,email,consent,country,lifecyclestage,updated_at\n"
SHOP = "id,email,consent,country,lifecyclestage,tier,updated_at\n"
ADA, BEN = "ada@acme.example", "ben@acme.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "personasync.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "personas.toml").write_text("", "utf-8")
    (tmp_path / "segments.toml").write_text(
        '[[segments]]\nname = "germans"\nrule = "country = \'DE\'"\n'
        '[[segments]]\nname = "americans"\nrule = "country = \'US\'"\n',
        "utf-8",
    )
    others = "".join(f"{n},{n}@acme.example,subscribed,DE,lead,2026-01-01\n" for n in range(10, 25))
    crm = f"1,{ADA},subscribed,DE,lead,2026-03-01\n2,{BEN},subscribed,,Customer,2026-01-01\n"
    shop = f"1,{ADA},subscribed,US,customer,gold,2026-06-01\n2,{BEN},subscribed,US,lead,gold,2026-06-01\n"
    (tmp_path / "crm.csv").write_text(CRM + crm + others, "utf-8")
    (tmp_path / "shop.csv").write_text(SHOP + shop, "utf-8")
    return tmp_path


def traits(folder: Path, capsys: pytest.CaptureFixture[str], address: str) -> dict[str, object]:
    for command in (("pull",), ("assign",)):
        assert run([*command, "--workspace", str(folder)]) == 0
    capsys.readouterr()
    assert run(["explain", address, "--json", "--workspace", str(folder)]) == 0
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    values = document["traits"]
    assert isinstance(values, dict)
    return values


@pytest.mark.long
def test_the_first_connection_decides_and_a_stage_never_goes_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ada, ben = traits(folder, capsys, ADA), traits(folder, capsys, BEN)

    assert (ada["country"], ada["lifecycle_stage"]) == ("DE", "customer")
    assert (ben["country"], ben["lifecycle_stage"]) == (
        "US",
        "Customer",
    )  # crm knows no country, and shop's lead is less

    changed = (folder / "shop.csv").read_text("utf-8").replace(f"{BEN},subscribed,US", f"{BEN},subscribed,AT")
    (folder / "shop.csv").write_text(changed, "utf-8")
    assert traits(folder, capsys, BEN)["country"] == "AT"  # only Ben is measured again

    main = folder / "personasync.toml"
    main.write_text(main.read_text("utf-8") + '[precedence]\nconnections = ["shop"]\n', "utf-8")
    assert traits(folder, capsys, ADA)["country"] == "US"

    main.write_text(main.read_text("utf-8").replace('["shop"]', '["shpo"]'), "utf-8")
    assert run(["assign", "--workspace", str(folder)]) == 2
    assert "line 14: there is no connection 'shpo'; known: crm, shop." in capsys.readouterr().err
