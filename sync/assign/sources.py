"""Classification sources of a workspace: rules, self-declared values, typing tools and model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connectors.errors import FixSettingsError
from segmenter.assign.definitions import Definitions, Holding, Scorer, declared_values
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.privacy.sensitive import refuse_sensitive
from sync.workspace.definition_files import MAIN
from sync.workspace.models import FIX, model_in_use
from sync.workspace.settings import Workspace
from sync.workspace.typing_tools import scorers


def definitions_of(workspace: Workspace, *, with_model: bool = True) -> Definitions:
    """Return what decides: `segmenter.assign.decide` takes it, for everybody and for one person.

    Args:
        workspace: The workspace.
        with_model: Whether its model in use takes part; without, the file is not read.

    Returns:
        The waterfall with its sources in the configured order, the thresholds, and the settings of hysteresis.

    Raises:
        FixSettingsError: [classify] names a trait that can't be what people say, or the model can't be used.
    """
    settings = workspace.classify
    limits = Thresholds(settings.min_confidence, settings.min_margin, settings.min_known)
    file = model_in_use(workspace.state_dir, workspace.catalogue) if with_model and "model" in settings.order else None
    _check_declared(workspace)
    _check_sensitive(workspace, file.linear().traits if file else ())
    personas = list(workspace.personas.values())
    try:
        return Definitions(
            workspace.steps,
            workspace.persona_of,
            order=settings.order,
            declared=settings.declared,
            declared_values=declared_values(personas, workspace.segments, workspace.persona_of),
            tools=scorers(workspace, limits) if "survey" in settings.order else (),
            model=Scorer(file.linear(), file.version, limits, file.training.target == "rules") if file else None,
            holding=Holding(
                settings.min_lead, timedelta(days=settings.rest_days), timedelta(days=settings.expiry_days)
            ),
        )
    except DefinitionError as error:
        raise FixSettingsError(f"{MAIN}, [classify]: {error}.", fix=FIX) from error


def _check_sensitive(workspace: Workspace, read: Sequence[str]) -> None:
    """A model that was fitted under a purpose is not asked any more when the purpose is gone."""
    declared = [workspace.classify.declared] if workspace.classify.declared else []
    for names, where in ((read, "the model in use"), (declared, f"{MAIN}, [classify] declared")):
        try:
            refuse_sensitive(names, workspace.catalogue, workspace.sensitive, where=where)
        except DefinitionError as error:
            raise FixSettingsError(str(error)) from error


def _check_declared(workspace: Workspace) -> None:
    name = workspace.classify.declared
    if name is None:
        return
    trait = workspace.catalogue.traits.get(name)
    if trait is None or trait.type != "text":
        what = "is not a trait" if trait is None else f"has type {trait.type}, but must be text"
        fix = f"Map the property that holds the self-declared value: [traits.{name}]."
        raise FixSettingsError(f"{MAIN}, [classify] declared: {name!r} {what}.", fix=fix)
