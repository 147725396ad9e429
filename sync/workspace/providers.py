"""Which connection provides the data of a trait; a rule on a trait that none provides is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from segmenter.errors import DefinitionError
from segmenter.personalize.fields import TemplateField
from segmenter.rules.rules import Rule
from segmenter.rules.segments import Waterfall
from segmenter.traits.builtin import Catalogue
from segmenter.traits.needs import needs_of
from sync.workspace.manifest import Manifest
from sync.workspace.schema import ConnectionPart

ALWAYS = "always"
"""Key of plugin.toml's `provides`: what a connector provides without any setting."""
CALLED = {
    "order_lines": "order lines",
    "survey_answers": "survey answers",
    "open": "opens",
    "click": "clicks",
    "bounce": "bounces",
    "complaint": "complaints",
    "reply": "replies",
    "visit": "visits",
    "form": "forms",
    "event": "events",
}


def provided(connections: Mapping[str, ConnectionPart], manifest: Manifest) -> set[str]:
    """Return what the connections of a workspace provide.

    Args:
        connections: By name.
        manifest: plugin.toml.
    """
    provisions: set[str] = set()
    for part in connections.values():
        settings = part.settings()
        for key, data in manifest.connectors[part.connector].provides.items():
            if key == ALWAYS or settings.get(key):
                provisions.update(data)
    return provisions


def check_rules(
    steps: Waterfall, catalogue: Catalogue, connections: Mapping[str, ConnectionPart], manifest: Manifest
) -> None:
    """Refuse segments whose rules ask for what no connection provides.

    Raises:
        DefinitionError: Names the segment, the trait, and who would provide it.
    """
    for step in steps.steps:
        _check(step.rule.names, catalogue, connections, manifest, where=f"segment {step.segment.name!r}")


def check_tools(
    tools: Mapping[str, Rule], catalogue: Catalogue, connections: Mapping[str, ConnectionPart], manifest: Manifest
) -> Mapping[str, Rule]:
    """Return the same tools; refuse one that asks for what no connection provides. Raises as `check_rules`."""
    for name, rule in tools.items():
        _check(rule.names, catalogue, connections, manifest, where=f"tool {name!r}")
    return tools


def check_shown(
    fields: Mapping[str, TemplateField],
    catalogue: Catalogue,
    connections: Mapping[str, ConnectionPart],
    manifest: Manifest,
) -> None:
    """Refuse template fields that show what no connection provides. Raises as `check_rules`."""
    for name, template in fields.items():
        shown = [template.trait] if template.trait and template.trait in catalogue.traits else []
        _check(shown, catalogue, connections, manifest, where=f"field {name!r}")


def _check(
    names: Iterable[str],
    catalogue: Catalogue,
    connections: Mapping[str, ConnectionPart],
    manifest: Manifest,
    *,
    where: str,
) -> None:
    if not connections:
        return  # a workspace that is still to be connected
    known = provided(connections, manifest)
    for name in names:
        needs = needs_of(name, catalogue)
        if needs and known.isdisjoint(needs):
            shown = catalogue.counted[name].text if name in catalogue.counted else name
            what = " or ".join(CALLED.get(need, need) for need in needs)
            message = f"nothing fills {shown}: no connection provides {what}. {_providers(needs, manifest)}"
            raise DefinitionError(message, where=where, line=1)


def _providers(needs: Iterable[str], manifest: Manifest) -> str:
    """Who would provide it, in a sentence."""
    wanted, suggestions = set(needs), []
    for name, facts in manifest.connectors.items():
        for key, data in facts.provides.items():
            if wanted & set(data):
                suggestions.append(name if key == ALWAYS else f'{name} with {key} = "FILE"')
    return f"Add a connection that does ({', '.join(dict.fromkeys(suggestions))}), or take it out"
