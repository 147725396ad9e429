"""The workspace: personasync.toml, segments.toml and personas.toml, read and validated together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.connector import NO_SECRET, Connection
from connectors.errors import FixSettingsError
from connectors.secret import SecretUrl, remember
from connectors.spec import ConnectorSpec, DeclaredField
from segmenter.lift.randomization import HOLDOUT, Experiment
from segmenter.personalize.checks import check_copy, check_fields
from segmenter.personalize.fields import TemplateField
from segmenter.personalize.personas import Persona, persona_of_segments
from segmenter.privacy.sensitive import Purpose, purpose_of, refuse_sensitive
from segmenter.rules.caps import ranked_by
from segmenter.rules.exclusion import Exclusion
from segmenter.rules.rules import Rule, counted_in
from segmenter.rules.segments import Segment, Waterfall, waterfall
from segmenter.traits.builtin import Catalogue, catalogue
from segmenter.traits.counts import CountedTrait
from segmenter.traits.next_best_offer import NEXT
from sync.workspace.assistant_part import AssistantPart
from sync.workspace.checks import check_connections, check_persona_names, check_targets, persona_remarks
from sync.workspace.consent_parts import ConsentPart
from sync.workspace.consent_rules import ConsentRules, consent_rules
from sync.workspace.decisions import DecisionsPart, check_decisions, check_named
from sync.workspace.definition_files import MAIN, DefinitionFiles, read_definition_files
from sync.workspace.experiments import load_experiments
from sync.workspace.manifest import Manifest, load_manifest, roles_in
from sync.workspace.notify_part import NotifyPart
from sync.workspace.providers import check_rules, check_shown, check_tools
from sync.workspace.schema import (
    ClassifyPart,
    ConnectionPart,
    GuardrailsPart,
    PersonalizePart,
    PrivacyPart,
    ResultsPart,
    ServePart,
    TraitPart,
    ValuePart,
)
from sync.workspace.schema_parts import ExportPart, RetentionPart
from sync.workspace.secrets import resolve_secret
from sync.workspace.to_definitions import (
    counted_in_main,
    everybody_of,
    exclusion_of,
    fields_of,
    own_traits,
    personas_of,
    precedence_of,
    properties_of,
    segments_of,
    specs_of,
    tools_of,
)
from sync.workspace.toml_reader import at_line, read_text

STATE = ".personasync"
BUDGETS = "budgets"  # folder of the state


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder's settings, checked.

    Attributes:
        directory: The folder.
        state_dir: ``.personasync`` in it.
        engine: "duckdb" or an Ibis URL.
        time_zone: Of people whose own is not known, as IANA writes it.
        state_url: An SQLAlchemy URL for `sync.control.open_control`.
        connections: By name, in order of the file.
        traits: [traits.NAME].
        catalogue: Built-in traits together with the mapped ones.
        segments: In the order of the file.
        steps: The same, checked, in the order in which they are tried.
        personas: By slug.
        persona_of: Segment name -> persona slug.
        fields: Template fields by name.
        experiments: Of experiments.toml, by name.
        everybody: The global holdout, as an experiment with one arm; None where nobody is held out.
        digest: Of the definitions that decide: segments, personas, fields, traits.
        sensitive: What sensitive traits may be used for.
        remarks: Sentences about sensitive words in what personas say, with file and line.
        tools: Whom each typing tool is asked about, by name; those that are not named: everybody.
        serve: [serve], None where there is no webhook service.
        notify: [notify].
        assistant: [assistant]: what an assistant is told about people.
        exclusion: [exclude]: to whom nothing is written.
        purposes: What [consent] says of purposes.
        decisions: [decisions].
    """

    directory: Path
    state_dir: Path
    name: str
    engine: SecretUrl
    time_zone: str
    state_url: SecretUrl
    connections: Mapping[str, ConnectionPart]
    traits: Mapping[str, TraitPart]
    guardrails: GuardrailsPart
    consent: ConsentPart
    value: ValuePart
    personalize: PersonalizePart
    privacy: PrivacyPart
    retention: RetentionPart
    export: ExportPart
    classify: ClassifyPart
    catalogue: Catalogue
    segments: tuple[Segment, ...]
    steps: Waterfall
    personas: Mapping[str, Persona]
    persona_of: Mapping[str, str]
    fields: Mapping[str, TemplateField]
    results: ResultsPart
    experiments: Mapping[str, Experiment]
    everybody: Experiment | None
    digest: str
    sensitive: Purpose
    remarks: tuple[str, ...]
    tools: Mapping[str, Rule] = field(default_factory=dict)
    serve: ServePart | None = None
    notify: NotifyPart = field(default_factory=NotifyPart)
    assistant: AssistantPart = field(default_factory=AssistantPart)
    exclusion: Exclusion = field(default_factory=Exclusion)
    purposes: ConsentRules = field(default_factory=ConsentRules)
    decisions: DecisionsPart = field(default_factory=DecisionsPart)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all groups that we own on the platforms: of segments, arms and the global holdout."""
        arms = [group for experiment in self.experiments.values() for group in experiment.groups.values()]
        held = [HOLDOUT] if self.everybody else []
        return (*(segment.name for segment in self.segments), *arms, *held)

    def spec(self, name: str, manifest: Manifest) -> ConnectorSpec:
        """Return the spec of the connector of connection *name*."""
        return manifest.connectors[self.connections[name].connector]

    def writes(self, name: str, manifest: Manifest) -> bool:
        """Return whether anything can be written through connection *name*."""
        return self.spec(name, manifest).capabilities.writes

    def groups_of(self, name: str, manifest: Manifest) -> tuple[str, ...]:
        """Return the names of the groups that we own through connection *name*; none where it has no groups."""
        return self.groups if self.spec(name, manifest).capabilities.groups != "none" else ()

    def connection(self, name: str, manifest: Manifest, environment: Mapping[str, str]) -> Connection:
        """Return what the connector of connection *name* is told, secrets resolved.

        Args:
            name: Of the connection.
            manifest: plugin.toml.
            environment: Environment variables, for secrets.

        Returns:
            Settings with paths from the workspace's folder, and the secret.

        Raises:
            FixSettingsError: There is no such connection, or its secret can't be found.
        """
        if name not in self.connections:
            known = ", ".join(self.connections) or "none"
            raise FixSettingsError(f"There is no connection {name!r}.", fix=f"{MAIN} has: {known}.")
        part = self.connections[name]
        spec = self.spec(name, manifest)
        settings = part.settings()
        secret = NO_SECRET
        if spec.secret:
            where = f"{MAIN}, [connections.{name}] {spec.secret}"
            reference = settings.pop(spec.secret, "")
            secret = resolve_secret(reference, where=where, environment=environment, directory=self.directory)
        # what people write is meant from their workspace, wherever the command runs
        settings |= {key: str(self.directory / settings[key]) for key in spec.paths if key in settings}
        return Connection(
            name=name,
            settings=settings,
            manifest=spec.as_mapping(),
            secret=secret,
            mapped=tuple(dict.fromkeys((*self._mapped(name), *self.purposes.asked_of(name)))),
            types={name: kind for name, kind in self._mapped(name).items() if kind != "text"},
            groups=self.groups_of(name, manifest),
            subscriptions=bool(self.purposes.subscriptions_of(name)),
            owned=self.owned(name, manifest),
            budgets=budget_folder(environment, self.state_dir),
            kinds=self._kinds(name, spec),
        )

    def _mapped(self, name: str) -> dict[str, str]:
        """Return the types of the properties that traits read through connection *name*."""
        return {t.property: t.type for t in self.traits.values() if t.property and t.connection == name}

    def _kinds(self, name: str, spec: ConnectorSpec) -> dict[str, str]:
        """Return the types of the fields that we own through connection *name*."""
        mine = {field.targets[name]: field.type for field in self.fields.values() if name in field.targets}
        return {**{field.name: field.type for field in spec.fields}, **mine}

    def owned(self, name: str, manifest: Manifest) -> tuple[str, ...]:
        """Return the platform's names of every field that we own through connection *name*.

        Returns:
            Fields of plugin.toml, template fields, and the platform's own persona field where we write it.
        """
        declared = [field.name for field in self.declared(name, manifest)]
        shared = self.platform_persona(name, manifest)
        templates = (field.targets[name] for field in self.fields.values() if name in field.targets)
        return (*declared, *templates, *([shared[0]] if shared else []))

    def declared(self, name: str, manifest: Manifest) -> tuple[DeclaredField, ...]:
        """Return the fields of plugin.toml that connection *name* has; of the optional ones those switched on."""
        part = self.connections[name]
        extra = roles_in(part.settings().get("extra_fields", ""))
        fields = self.spec(name, manifest).fields
        return tuple(field for field in fields if not field.optional or field.role in extra)

    def platform_persona(self, name: str, manifest: Manifest) -> tuple[str, bool] | None:
        """Return the platform's own persona field, which people write as well, where connection *name* may write it.

        Args:
            name: Of the connection.
            manifest: plugin.toml.

        Returns:
            Its name, and whether what people set may be overwritten; None where it is left alone.
        """
        part = self.connections[name]
        own = self.spec(name, manifest).persona_property
        mode = part.settings().get(own, "off") if own else "off"
        return None if mode == "off" else (own, mode == "overwrite")


def load_workspace(directory: Path, *, segments_path: Path | None = None) -> Workspace:
    """Read and check the workspace in *directory*.

    Args:
        directory: The workspace's folder.
        segments_path: Another file in place of its segments.toml.

    Returns:
        All definitions, checked against each other; secrets are references still.

    Raises:
        FixSettingsError: Names the file, the line and the key.
    """
    files = read_definition_files(directory, segments_path)
    manifest = load_manifest()
    check_connections(files.main_path, files.main, manifest)
    check_persona_names(files.personas_path, files.personas.personas)
    check_targets(files.personas_path, files.personas, files.main, manifest)
    return _workspace(files, _definitions(files, manifest))


@dataclass(frozen=True, slots=True)
class _Definitions:
    """What the files define, checked against each other; see the attributes of `Workspace`."""

    catalogue: Catalogue
    sensitive: Purpose
    segments: tuple[Segment, ...]
    steps: Waterfall
    personas: Mapping[str, Persona]
    persona_of: Mapping[str, str]
    fields: Mapping[str, TemplateField]
    tools: Mapping[str, Rule]
    experiments: Mapping[str, Experiment]
    exclusion: Exclusion
    purposes: ConsentRules


def _definitions(files: DefinitionFiles, manifest: Manifest) -> _Definitions:
    main, segments = files.main, segments_of(files.segments)
    counted = files.in_segments(lambda: _counted_by(segments))
    counted += files.in_main(lambda: counted_in_main(main))
    known = files.in_main(
        lambda: catalogue(own_traits(main), precedence_of(main), counted, properties_of(main, manifest))
    )
    said = main.sensitive
    purpose = files.in_main(lambda: purpose_of(said.purpose, said.allow, said.innocent, known))
    _check_allowed(files.main_path, purpose, known)
    steps = files.in_segments(lambda: _allowed(waterfall(segments, known), known, purpose))
    sources = (known, main.connections, manifest)
    files.in_segments(lambda: check_rules(steps, *sources))
    personas = personas_of(files.personas)
    fields = fields_of(files.personas, personas, specs_of(main, manifest))
    files.in_personas(lambda: check_fields(fields, known, purpose))
    files.in_personas(lambda: check_shown(fields, *sources))
    files.in_personas(lambda: check_copy(list(personas.values()), fields, known, purpose))
    files.in_personas(lambda: check_decisions(fields, personas, main.decisions))
    files.in_segments(lambda: check_named(segments, main.decisions))
    persona_of = files.in_personas(lambda: persona_of_segments(list(personas.values()), steps))
    tools = files.in_main(lambda: tools_of(main, known, purpose, steps))
    files.in_main(lambda: check_tools(tools, *sources))
    experiments = load_experiments(files.directory, segments=segments, personas=personas)
    exclusion = files.in_main(lambda: exclusion_of(main, known, steps))
    purposes = consent_rules(files.main_path, main.consent, main.connections, manifest)
    decided = (persona_of, fields, tools, experiments, exclusion, purposes)
    return _Definitions(known, purpose, segments, steps, personas, *decided)


def _workspace(files: DefinitionFiles, defined: _Definitions) -> Workspace:
    main, state_dir = files.main, files.directory / STATE
    return Workspace(
        directory=files.directory,
        state_dir=state_dir,
        name=main.workspace.name,
        engine=_known(main.workspace.engine),
        time_zone=main.workspace.time_zone,
        state_url=_state_url(state_dir, main.workspace.state),
        connections=main.connections,
        traits=main.traits,
        guardrails=main.guardrails,
        consent=main.consent,
        value=main.value,
        personalize=main.personalize,
        privacy=main.privacy,
        retention=main.retention,
        export=main.export,
        classify=main.classify,
        catalogue=defined.catalogue,
        segments=defined.segments,
        steps=defined.steps,
        personas=defined.personas,
        persona_of=defined.persona_of,
        fields=defined.fields,
        results=main.results,
        experiments=defined.experiments,
        everybody=everybody_of(main),
        digest=_digest(files, defined.steps, defined.experiments),
        sensitive=defined.sensitive,
        remarks=persona_remarks(files.personas_path, defined.personas, defined.fields),
        tools=defined.tools,
        serve=main.serve,
        notify=main.notify,
        assistant=main.assistant,
        exclusion=defined.exclusion,
        decisions=main.decisions,
        purposes=defined.purposes,
    )


def _check_allowed(path: Path, purpose: Purpose, known: Catalogue) -> None:
    unknown = [name for name in purpose.allow if name not in known.traits and name not in NEXT]
    if unknown:
        at = at_line(path.name, read_text(path), ("sensitive", "allow"))
        raise FixSettingsError(f"{at}: unknown trait {unknown[0]!r} in `allow`.", fix="Check for a typo.")


def _allowed(steps: Waterfall, known: Catalogue, purpose: Purpose) -> Waterfall:
    """The same segments; refuses those whose rules ask for what may not decide."""
    for step in steps.steps:
        trait, _ = ranked_by(step.segment.cap_by)
        asked = (*step.rule.names, *([trait] if trait in known.traits else []))
        refuse_sensitive(asked, known, purpose, where=f"segment {step.segment.name!r}")
    return steps


def _counted_by(segments: Sequence[Segment]) -> list[CountedTrait]:
    return [trait for segment in segments for trait in counted_in(segment.rule, where=f"segment {segment.name!r}")]


def _state_url(state_dir: Path, state: str) -> SecretUrl:
    return _known(f"sqlite:///{state_dir.resolve() / 'control.db'}" if state == "sqlite" else state)


def _known(url: str) -> SecretUrl:
    """The address of a store; from now on no error, log or crash of this process repeats its password."""
    address = SecretUrl(url)
    remember(address)
    return address


def _digest(files: DefinitionFiles, steps: Waterfall, experiments: Mapping[str, Experiment]) -> str:
    main = files.main
    decide = (main.classify, main.holdout, main.consent, main.exclude, main.personalize)
    parts = (*decide, files.segments, files.personas, *main.tools.values())
    text = (
        "".join(part.model_dump_json() for part in parts)
        + main.workspace.time_zone
        + steps.version
        + repr(main.value.focus)
        + repr(sorted(experiments.items()))
    )
    return hashlib.sha256(text.encode()).hexdigest()


def budget_folder(environment: Mapping[str, str], state_dir: Path) -> Path:
    """Return where the request budgets of the accounts lie: beside the stores, which all processes of a workspace see.

    A service of systemd and a container have temporary files of their own, so those would be no place to share.
    ``PERSONASYNC_BUDGETS`` names another folder, for several workspaces with one account.
    """
    named = environment.get("PERSONASYNC_BUDGETS")
    return Path(named) if named else state_dir / BUDGETS
