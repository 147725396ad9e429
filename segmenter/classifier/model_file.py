"""Model file: JSON with coefficients, training, quality gate and a digest.

Text in, text out. What a file holds is read as numbers and names and checked; nothing of it is ever run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from segmenter.classifier.linear import LinearModel, ModelKind, trait_of
from segmenter.errors import DefinitionError
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import trait_definition

FORMAT = 1
LARGEST_FILE = 4_000_000  # characters: a hundred segments by a thousand features take two million

Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Number = Annotated[float, Field(allow_inf_nan=False)]
MatrixRow = Annotated[tuple[Number, ...], Field(max_length=5_000)]
Names = Annotated[tuple[Name, ...], Field(max_length=5_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Coefficients(_Part):
    """Coefficients of the model: see `segmenter.classifier.linear.LinearModel`."""

    kind: ModelKind
    labels: Names
    features: Names
    weights: Annotated[tuple[MatrixRow, ...], Field(max_length=5_000)]
    intercepts: MatrixRow
    fill: MatrixRow
    mean: MatrixRow
    temperature: Number
    products: Annotated[tuple[tuple[int, int], ...], Field(max_length=5_000)] = ()
    curves: Annotated[tuple[MatrixRow, ...], Field(max_length=5_000)] = ()


class WeightsPart(_Part):
    """How people were weighted, without anybody's own weight.

    Attributes:
        source: The trait, or the item of a survey, that held the weights.
        kind: Which of these.
        digest: Of all weights; another one: they were changed since, or are of other people.
        effective: Size of a sample without weights that is as exact (Kish 1965).
        design_effect: How many times larger they make the variance.
    """

    source: Name
    kind: Literal["item", "trait"]
    digest: Name
    effective: Number
    design_effect: Number


class Training(_Part):
    """Training data of the model.

    Attributes:
        target: Where the truth came from: rules, survey, declared, discovered, or an outcome.
        as_of: The moment for which traits were measured, UTC.
        traits_from: Oldest moment that a trait with a window looked at; None where one looks at the whole history.
        people: By segment.
        dropped: Features that told nothing.
        data_digest: Of features and truth of everybody, in their order.
        seed: Of the folds.
        found_again: Whether discovered segments were recalculated in each fold; if not, the figures are optimistic.
        purpose: For which it may read sensitive traits; empty where it reads none.
        weights: How people were weighted; None: all alike.
    """

    target: Literal["rules", "survey", "declared", "discovered", "outcome"]
    as_of: datetime
    traits_from: datetime | None
    people: dict[Name, int]
    dropped: Names
    data_digest: Name
    seed: int
    folds: int
    found_again: bool = False
    purpose: Annotated[str, StringConstraints(max_length=2_000)] = ""
    weights: WeightsPart | None = None

    @property
    def weighted_by(self) -> str:
        """The sentence that tells how people were weighted, "" where they were not."""
        if self.weights is None:
            return ""
        people, effective = sum(self.people.values()), self.weights.effective
        return (
            f"Weighted by the {self.weights.kind} {self.weights.source!r}: {people:,} people tell as much as "
            f"{effective:,.0f} without weights (effective sample size, Kish 1965; design effect "
            f"{self.weights.design_effect:.2f}). Shares, rates and scores are of the population, numbers of people of "
            "the sample."
        )


class GatePart(_Part):
    """The quality gate: whether the model may classify people, for what else it may be used, and why not.

    Attributes:
        uses: Of rank, band and classify, those that pass.
    """

    passed: bool
    sentences: Annotated[tuple[str, ...], Field(max_length=5_000)]
    uses: tuple[Literal["rank", "band", "classify"], ...] = ()


class ModelFile(_Part):
    """A model with its training, quality and definitions.

    Attributes:
        version: Names the model in assignments.
        made_at: UTC.
        catalogue: Digest of the definition of each trait that it reads.
        calibration: How confidences were made to be probabilities.
        quality: Held-out figures by kind of model (`segmenter.classifier.metrics.ModelQuality`).
    """

    format: Literal[1]
    version: Name
    made_at: datetime
    model: Coefficients
    catalogue: dict[Name, Name]
    training: Training
    calibration: Name
    quality: dict[Name, dict[Name, Any]]
    gate: GatePart

    def linear(self) -> LinearModel:
        """Return what scores.

        Returns:
            The coefficients of the file, checked.

        Raises:
            DefinitionError: The numbers fit no model.
        """
        return LinearModel(**self.model.model_dump())


def coefficients_of(model: LinearModel) -> Coefficients:
    """Return *model* as its file holds it.

    Returns:
        The same numbers, labels and features, for JSON.
    """
    return Coefficients(**{name: getattr(model, name) for name in Coefficients.model_fields})


def trait_digests(catalogue: Catalogue, traits: tuple[str, ...]) -> dict[str, str]:
    """Return a digest of the definition of each trait: another window or meaning has another one.

    Args:
        catalogue: Has all of *traits*.
        traits: Names.

    Returns:
        Trait name -> digest.
    """
    return {name: _digest(trait_definition(catalogue.traits[name])) for name in traits}


def changed_traits(file: ModelFile, catalogue: Catalogue) -> list[str]:
    """Return, in sentences, which of the model's traits are not what they were; empty: it may be used.

    Args:
        file: The model file, with the digests of its day.
        catalogue: The traits of today.

    Returns:
        One sentence part per trait that is gone or defined in another way, without a full stop.
    """
    differences = []
    for name, digest in file.catalogue.items():
        if name not in catalogue.traits:
            differences.append(f"trait {name!r} is gone")
        elif _digest(trait_definition(catalogue.traits[name])) != digest:
            differences.append(f"trait {name!r} has a different definition now")
    return differences


def write_model(file: ModelFile) -> str:
    """Return the text of a model's file.

    Args:
        file: The model.

    Returns:
        JSON, its digest last.
    """
    return sealed(file.model_dump(mode="json"))


def sealed(document: Mapping[str, Any]) -> str:
    """Return a document as the text of a file.

    Args:
        document: Plain JSON without NaN.

    Returns:
        JSON, the digest of everything else last.
    """
    return json.dumps({**document, "digest": _digest(document)}, indent=1, allow_nan=False) + "\n"


@contextmanager
def read_from(where: str) -> Iterator[None]:
    """Context manager that adds the file and the place to validation errors.

    Raises:
        DefinitionError: It did not.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{place}: {first['msg']}", where=where) from error
    except DefinitionError as error:
        raise DefinitionError(str(error), where=where) from error


def read_model(text: str, *, where: str) -> ModelFile:
    """Return the model that *text* holds.

    Args:
        text: As `write_model` made it, or as anybody else left it.
        where: The file, for messages.

    Returns:
        The file's values, whose digest and numbers were checked.

    Raises:
        DefinitionError: It is no such file, is damaged, or its numbers fit no model.
    """
    document = unsealed(text, where=where)
    with read_from(where):
        file = ModelFile.model_validate(document)
        file.linear()
    read = {trait_of(feature) for feature in file.model.features}
    if read != set(file.catalogue):
        raise DefinitionError("it lacks the definitions of its traits", where=where)
    return file


def unsealed(text: str, *, where: str) -> dict[str, Any]:
    """Return what `sealed` wrote, without the digest.

    Args:
        text: JSON with a ``digest``.
        where: The file, for messages.

    Returns:
        The decoded object.

    Raises:
        DefinitionError: It is no such text, or was damaged.
    """
    document = _decoded(text, where)
    digest = document.pop("digest", None)
    if digest is None:
        raise DefinitionError("its digest is missing, so it can't be verified", where=where)
    if digest != _digest(document):
        raise DefinitionError("its digest does not match: the file is damaged or was edited", where=where)
    return document


def _decoded(text: str, where: str) -> dict[str, Any]:
    if len(text) > LARGEST_FILE:
        raise DefinitionError(f"it has {len(text):,} characters; the limit is {LARGEST_FILE:,}", where=where)
    try:
        document = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise DefinitionError("it is nested too deeply for a model", where=where) from error
    except ValueError as error:  # no JSON, a NaN, or a number of thousands of digits
        raise DefinitionError(f"it can't be read: {error}", where=where) from error
    if not isinstance(document, dict):
        raise DefinitionError("it is not a JSON object", where=where)
    return document


def _no_number(name: str) -> float:
    message = f"{name} is not a number"
    raise ValueError(message)


def _digest(document: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(document, sort_keys=True, default=str)
    except RecursionError:
        return ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
