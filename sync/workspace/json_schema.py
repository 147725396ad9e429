"""JSON Schemas of the workspace files, generated from the models that validate them.

``python -m sync.workspace.json_schema`` writes them anew; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from connectors.spec import ConnectorSpec
from sync.workspace.experiments import ExperimentsFile
from sync.workspace.manifest import Manifest, load_manifest, plugin_manifest
from sync.workspace.personas_file import PersonasFile
from sync.workspace.schema import MainFile, SegmentsFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAIN = "personasync.schema.json"
REFERENCE = "^(env|keyring|file):.+$"


def schemas(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return the schema of each workspace file by the file's stem."""
    main = _titled(MainFile.model_json_schema(), "personasync.toml")
    main["$defs"]["ConnectionPart"] = _connection(main["$defs"]["ConnectionPart"], manifest)
    main["$defs"]["ServePart"] |= {"additionalProperties": False}
    main["$defs"]["ServePart"]["properties"] |= _texts(manifest.serve_keys)
    personas = _titled(PersonasFile.model_json_schema(), "personas.toml")
    personas["$defs"]["FieldPart"]["additionalProperties"] = {"type": "string"}
    personas["$defs"]["PersonaPart"] |= {"additionalProperties": False}
    personas["$defs"]["PersonaPart"]["properties"] |= _texts(manifest.persona_properties)
    return {
        "personasync": main,
        "segments": _titled(SegmentsFile.model_json_schema(), "segments.toml"),
        "personas": personas,
        "experiments": _titled(ExperimentsFile.model_json_schema(), "experiments.toml"),
    }


def _titled(schema: dict[str, Any], file: str) -> dict[str, Any]:
    return {"$schema": DIALECT, **schema, "title": file}


def _connection(part: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """One shape a connector, told apart by the key `connector`."""
    shapes = [_shape(name, spec) for name, spec in manifest.connectors.items()]
    return {"title": part["title"], "description": part["description"], "oneOf": shapes}


def _shape(name: str, spec: ConnectorSpec) -> dict[str, Any]:
    keys: dict[str, Any] = {"connector": {"const": name}}
    for key in spec.settings:
        keys[key] = {"type": "string", "pattern": REFERENCE} if key == spec.secret else {"type": "string"}
    required = ["connector", spec.secret] if spec.secret else ["connector"]
    return {
        "title": spec.title,
        "type": "object",
        "properties": keys,
        "required": required,
        "additionalProperties": False,
    }


def _texts(keys: Mapping[str, str]) -> dict[str, Any]:
    """Keys that connectors bring, each with what it is."""
    shapes = keys.items()
    return {key: {"default": "", "description": text, "title": _title(key), "type": "string"} for key, text in shapes}


def _title(key: str) -> str:
    return key.replace("_", " ").title()


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def published() -> dict[str, str]:
    """Return the text of each schema as it was published, by file name, with the connectors of other packages."""
    folder = resources.files("sync.workspace") / "schemas"
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".json")}
    ours = plugin_manifest().connectors
    others = {name: spec for name, spec in load_manifest().connectors.items() if name not in ours}
    if others:
        main = json.loads(texts[MAIN])
        main["$defs"]["ConnectionPart"]["oneOf"] += [_shape(name, spec) for name, spec in others.items()]
        main["$defs"]["ServePart"]["properties"] |= _texts(load_manifest().serve_keys)
        texts[MAIN] = schema_text(main)
    return texts


def main() -> None:
    """Write the schemas into the package."""
    for stem, schema in schemas(plugin_manifest()).items():
        path = Path(__file__).parent / "schemas" / f"{stem}.schema.json"
        path.write_text(schema_text(schema), "utf-8")


if __name__ == "__main__":
    main()
