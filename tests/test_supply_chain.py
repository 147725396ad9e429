"""The bill of materials names every pinned package with its hashes; the audit finds what it is there for."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def chain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", ROOT / ".ci" / "supply_chain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def test_the_bill_names_every_package_with_version_licence_and_hashes(chain: ModuleType) -> None:
    pinned = list(chain.packages(chain.PINNED.read_text("utf-8")))
    bill = chain.bill(pinned)

    assert len(pinned) > 60
    assert {part["name"] for part in bill["components"]} >= {"duckdb", "sqlalchemy", "uvicorn", "ibis-framework"}
    assert all(part["hashes"] for part in bill["components"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert list(chain.faults(pinned, [])) == []


def test_the_audit_finds_a_vulnerable_version_a_foreign_one_and_a_licence(chain: ModuleType, tmp_path: Path) -> None:
    (duckdb,) = [package for package in chain.packages(chain.PINNED.read_text("utf-8")) if package.name == "duckdb"]
    document = {
        "id": "PYSEC-0",
        "summary": "planted.",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "DuckDB"},
                "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.2"}]}
                ],
            }
        ],
    }
    (tmp_path / "PYSEC-0.json").write_text(json.dumps(document), "utf-8")
    advisories = list(chain.of_osv(tmp_path))

    def faults(**changed: object) -> list[str]:
        return list(chain.faults([replace(duckdb, **changed)], advisories))

    assert advisories[0]["affected"] == ["<1.0", ">=1.2"]
    assert faults(version="1.1.0", installed="1.1.0") == []
    assert faults(version="0.9", installed="0.9") == ["duckdb 0.9 has PYSEC-0: planted."]
    assert faults(version="1.5.6", installed="1.5.6") == ["duckdb 1.5.6 has PYSEC-0: planted."]
    assert "is installed" in faults(version="1.1.0", installed="1.1.1")[0]
    assert "licence" in faults(version="1.1.0", installed="1.1.0", licence="Proprietary")[0]
    assert "no hash" in faults(version="1.1.0", installed="1.1.0", hashes=())[0]
