"""Generator of docs/reference.md, from the command line, plugin.toml, the published schemas and the trait catalogue.

Run without arguments it writes the file; with ``--check`` it only says whether the file is what it would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors import errors
from connectors.spec import ConnectorSpec
from segmenter.traits.builtin import BUILT_IN
from sync.cli.main import all_commands
from sync.workspace.json_schema import schemas
from sync.workspace.manifest import Manifest, plugin_manifest

REFERENCE = Path(__file__).with_name("reference.md")

HEAD = """\
# Reference

`make docs` generates this page from the command line, plugin.toml, the schemas of the workspace files and the
trait catalogue. Don't edit it by hand.

## Options and exit codes of all commands

- `--json` prints one JSON document to standard output and nothing else; progress and messages go to standard error.
- `--workspace DIR` names the workspace folder, for every command that needs one. Default: the current folder.
- `personasync --debug COMMAND` shows a traceback when something fails.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed; the message on standard error says what to do |
| 2 | wrong usage or settings; fix them and run the command again |
| 3 | blocked by a guardrail; nothing was sent |
| 4 | done, but some records were rejected |
| 5 | `status --check`: something is wrong, and the output says what |
| 130 | stopped by Ctrl-C; the same command continues |
"""


def reference() -> str:
    """Return the whole page."""
    manifest = plugin_manifest()
    parts = [HEAD, *_commands(), *_settings(manifest), *_traits(), *_platforms(manifest), *_errors()]
    return "\n".join(parts).rstrip() + "\n"


def commands(group: Any, prefix: str = "personasync") -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it, the commands of groups too."""
    for name, command in sorted(group.commands.items()):
        words = f"{prefix} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for words, command in commands(all_commands()):
        yield f"### `{words}`\n"
        yield f"{' '.join(command.help.split())}\n"
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            yield _table(("argument or option", "default", "meaning"), rows)


def _parameter(parameter: Any) -> tuple[str, str, str]:
    spelt = ", ".join(f"`{word}`" for word in parameter.opts)
    if parameter.param_type_name == "argument":
        spelt = f"`{(parameter.metavar or parameter.name.upper()).strip('[]')}`"
    default = parameter.default
    shown = "" if default in {None, False} or callable(default) or default == Path() else f"`{default}`"
    return spelt, "required" if parameter.required else shown, parameter.help or ""


def _settings(manifest: Manifest) -> Iterator[str]:
    yield "## Workspace files\n"
    yield "An unknown key is an error; the message names the key, the file and the line.\n"
    for stem, schema in schemas(manifest).items():
        yield f"### {stem}.toml\n"
        yield _table(("key", "type", "default", "meaning"), list(_keys(schema, schema["$defs"], path="")))


def _keys(shape: Mapping[str, Any], shapes: Mapping[str, Any], *, path: str) -> Iterator[Sequence[str]]:
    for key, value in shape.get("properties", {}).items():
        yield from _key(f"{path}.{key}".lstrip("."), value, shapes, required=key in shape.get("required", ()))


def _key(path: str, value: Mapping[str, Any], shapes: Mapping[str, Any], *, required: bool) -> Iterator[Sequence[str]]:
    referred = next((option["$ref"] for option in (value, *value.get("anyOf", ())) if "$ref" in option), None)
    if referred:
        yield from _keys(shapes[referred.rsplit("/", 1)[1]], shapes, path=path)
        return
    inner = next(iter(value.get("patternProperties", {}).values()), None) or value.get("items", {})
    if "$ref" in inner:
        named = shapes[inner["$ref"].rsplit("/", 1)[1]]
        below = f"{path}[]" if value.get("type") == "array" else f"{path}.NAME"
        for shape in named.get("oneOf", [named]):
            yield from _keys(shape, shapes, path=below)
        return
    default = "required" if required else _default(value)
    yield f"`{path}`", _kind(value), default, value.get("description", "")


def _kind(value: Mapping[str, Any]) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{option}`" for option in value["enum"])
    if "anyOf" in value:
        return " or ".join(_kind(option) for option in value["anyOf"] if option.get("type") != "null")
    if value.get("pattern", "").startswith("^(env|"):
        return "`env:NAME`, `keyring:NAME` or `file:PATH`"
    if value.get("type") == "object" and value.get("patternProperties"):
        return "table of " + _kind(next(iter(value["patternProperties"].values()))) + "s"
    return str(value.get("type", "text")).replace("object", "table of text").replace("string", "text")


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"


def _traits() -> Iterator[str]:
    yield "## Traits\n"
    yield "The traits that rules can use, calculated for each person as of one moment.\n"
    rows = [(f"`{trait.name}`", trait.type, trait.unit, trait.family, trait.meaning) for trait in BUILT_IN.values()]
    yield _table(("trait", "type", "unit", "family", "meaning"), rows)


def _platforms(manifest: Manifest) -> Iterator[str]:
    yield "## Platforms\n"
    for name, spec in manifest.connectors.items():
        yield f'### {spec.title} (`connector = "{name}"`)\n'
        yield from _platform(spec)


def _platform(spec: ConnectorSpec) -> Iterator[str]:
    if spec.hosts:
        hosts = ", ".join(f"`{host}`" for host in (*spec.hosts, *spec.download_hosts))
        yield f"{'Beta: nobody has seen it work with an account yet. ' * spec.beta}Connects only to {hosts}.\n"
    if spec.api_versions:
        ends = ", ".join(f"`{version}` until {end}" for version, end in spec.api_versions.items())
        apart = ", ".join(f"`{path}` until {end}" for path, end in spec.paths_end.items())
        yield f"API versions: {ends}. Paths that end at another time: {apart}. `init` writes the newest version.\n"
    if spec.group_prefix:
        yield f"The names of our groups begin with `{spec.group_prefix}`; other groups are never changed.\n"
    if spec.scopes:
        yield _table(("scope", "why"), [(f"`{scope.name}`", scope.why) for scope in spec.scopes])
    if spec.fields:
        rows = [(f"`{field.name}`", field.role, field.type, field.label) for field in spec.fields]
        yield _table(("field it writes", "content", "type", "label"), rows)
    if spec.webhooks:
        events = [
            f"`{webhook.type}`" + (f" of `{webhook.property}`" if webhook.property else "") for webhook in spec.webhooks
        ]
        by = f" from the sources {', '.join(spec.webhook_sources)}" if spec.webhook_sources else ""
        yield f"`setup` subscribes to the webhook events {', '.join(events)}{by}.\n"
    if spec.limits:
        yield _table(("limit", "value"), [(f"`{limit}`", f"{value:,}") for limit, value in spec.limits.items()])


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield 'With `--json`, an error is printed as a document: `{"error": {"kind", "message", "status"}}`.\n'
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PersonasyncError)
    ]
    rows = [(f"`{kind.__name__}`", str(kind.exit_code), _first_line(kind)) for kind in kinds]
    yield _table(("kind", "exit code", "meaning"), rows)


def _first_line(documented: Any) -> str:
    return str(documented.__doc__).strip().split("\n", maxsplit=1)[0]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; the exit status says whether it is what it should be."""
    if "--check" not in arguments:
        REFERENCE.write_text(reference(), "utf-8")
        return 0
    if REFERENCE.is_file() and REFERENCE.read_text("utf-8") == reference():
        return 0
    print("docs/reference.md is out of date: run `make docs` and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
