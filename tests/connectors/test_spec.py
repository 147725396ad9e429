"""The spec of a connector: a file of TOML whose faults are named."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from connectors.installed import InstalledConnector, spec_file
from connectors.spec import parse_spec

HEAD = 'title = "Pond"\nkind = "email"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title =", "pond.toml is not valid TOML"),
        ("title = 1", "'title': Input should be a valid string; 'kind' is missing"),
        (f"{HEAD}surprise = 1", "'surprise' is not a key of a spec"),
        (f'{HEAD}secret = "token"', "`settings` lacks 'token', which `secret` names"),
        (f'{HEAD}choices.depth = ["deep"]', "`settings` lacks 'depth', which `choices` names"),
        (f'{HEAD}traits.country = ["home.land"]', "can't ask for 'home.land'"),
        (f'{HEAD}[[scopes]]\nname = "read"', "'scopes.0.why' is missing"),
    ],
)
def test_a_fault_of_a_spec_is_named(text: str, said: str) -> None:
    with pytest.raises(FixSettingsError) as refused:
        parse_spec(text, where="pond.toml")

    assert said in str(refused.value)


def connector(module: str) -> InstalledConnector:
    point = EntryPoint("pond", f"{module}:connect", "personasync.connectors")
    return InstalledConnector("pond", "personasync-pond", "1.0", point)


@pytest.mark.parametrize(
    ("module", "code", "spec"),
    [
        ("ducks_a", "ducks_a/__init__.py", "ducks_a/pond.toml"),
        ("ducks_b", "ducks_b.py", "pond.toml"),
        ("ducks_c.north.lake", "ducks_c/north/lake.py", "ducks_c/north/pond.toml"),
        ("ducks_d.north", "ducks_d/north/__init__.py", "ducks_d/north/pond.toml"),
    ],
)
def test_the_spec_is_found_beside_the_code_and_the_code_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str, spec: str
) -> None:
    (tmp_path / code).parent.mkdir(parents=True, exist_ok=True)
    if "/" in code:
        (tmp_path / module.split(".", maxsplit=1)[0] / "__init__.py").touch()
    (tmp_path / code).write_text("raise RuntimeError", "utf-8")
    (tmp_path / spec).touch()
    monkeypatch.syspath_prepend(tmp_path)

    assert spec_file(connector(module)) == tmp_path / spec


def test_a_package_without_a_spec_is_told_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ducks_e.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FixSettingsError) as refused:
        spec_file(connector("ducks_e"))

    assert f"personasync-pond 1.0 has no spec; looked for {tmp_path / 'pond.toml'}." in str(refused.value)


def test_a_call_costs_what_the_platform_counts_and_a_quota_takes_time() -> None:
    cost = parse_spec(
        f'{HEAD}[cost]\nunit = "tokens"\nquota = 1000\nperiod = "hour"\ncalls."PUT persons/{{id}}" = 10', where="x"
    ).cost
    units = cost.of({"PUT persons/{id}": 250, "GET persons": 3})

    assert (units, cost.unit) == (2_503, "tokens")
    assert (cost.seconds(units), cost.seconds(1_000), cost.seconds(0)) == (7_200.0, 0.0, 0.0)
