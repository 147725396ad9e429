"""Model files: whole or refused. Nothing in them is run, whatever it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.classifier.linear import LinearModel
from segmenter.classifier.model_file import (
    FORMAT,
    LARGEST_FILE,
    GatePart,
    ModelFile,
    Training,
    changed_traits,
    coefficients_of,
    read_model,
    trait_digests,
    write_model,
)
from segmenter.errors import DefinitionError
from segmenter.traits.builtin import catalogue

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
KNOWN = catalogue()
MODEL = LinearModel(
    "logit",
    ("a", "b"),
    ("tenure_days", "country=de"),
    ((0.0, 0.0), (0.1, 1 / 3)),
    (0.0, -1.0),
    (2.0, 0.5),
    (2.0, 0.5),
    1.25,
)


def made(**other: Any) -> ModelFile:
    training = Training(
        target="survey",
        as_of=NOON,
        traits_from=None,
        people={"a": 60, "b": 70},
        dropped=(),
        data_digest="d",
        seed=1,
        folds=10,
    )
    given_: dict[str, Any] = {
        "format": FORMAT,
        "version": "logit-1",
        "made_at": NOON,
        "model": coefficients_of(MODEL),
        "catalogue": trait_digests(KNOWN, MODEL.traits),
        "training": training,
        "calibration": "temperature 1.25 on held-out folds",
        "quality": {"logit": {"hit": 0.6, "precision": {"a": None}}},
        "gate": GatePart(passed=True, sentences=()),
    }
    return ModelFile(**{**given_, **other})


def test_a_model_comes_back_as_it_was_written() -> None:
    file = read_model(write_model(made()), where="model.json")

    assert file == made()
    assert file.linear() == MODEL


def signed(document: dict[str, Any]) -> str:
    """A file whose digest is right, whatever it holds: what a hostile hand would make."""
    text = json.dumps(document, sort_keys=True)
    return json.dumps({**document, "digest": hashlib.sha256(text.encode()).hexdigest()})


def hostile(change: Callable[[dict[str, Any]], Any]) -> str:
    document = json.loads(write_model(made()))
    del document["digest"]
    change(document)
    return signed(document)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "can't be read"),
        ("[]", "not a JSON object"),
        ("{}", "digest is missing"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": Infinity}', "Infinity is not a number"),
        ('{"a": ' + "9" * 5000 + "}", "can't be read"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested too deeply"),
        ("x" * (LARGEST_FILE + 1), "characters"),
        (write_model(made()).replace("0.5", "0.6"), "digest does not match"),
        (write_model(made())[:-40], "can't be read"),
        (hostile(lambda d: d["model"].update(weights=[[0, 0]])), "do not fit"),
        (hostile(lambda d: d["model"].update(labels=["a"])), "two or more segments"),
        (hostile(lambda d: d["model"].update(kind="forest")), "model.kind"),
        (hostile(lambda d: d["model"].update(temperature="__import__('os')")), "model.temperature"),
        (hostile(lambda d: d["model"]["weights"][0].__setitem__(0, 1e308)), "too large"),
        (hostile(lambda d: d["model"]["weights"][0].__setitem__(0, None)), "model.weights.0.0"),
        (hostile(lambda d: d["model"].update(fill={})), "model.fill"),
        (hostile(lambda d: d.pop("gate")), "gate: Field required"),
        (hostile(lambda d: d.update(pickle="gASV")), "pickle: Extra inputs"),
        (hostile(lambda d: d.update(format=2)), "format"),
        (hostile(lambda d: d["catalogue"].pop("tenure_days")), "lacks the definitions"),
    ],
)
def test_a_damaged_or_hostile_file_is_an_error_that_names_it(text: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told) as caught:
        read_model(text, where="models/model.json")

    assert str(caught.value).startswith("models/model.json: ")


@given(place=st.integers(0, len(write_model(made())) - 1), junk=st.text(max_size=4))
def test_whatever_is_broken_in_a_file_it_is_whole_or_refused(place: int, junk: str) -> None:
    text = write_model(made())
    broken = text[:place] + junk + text[place + 1 :]

    try:
        read = read_model(broken, where="m")
    except DefinitionError:
        return
    assert read == made()  # blanks between the parts are no damage


def test_an_older_catalogue_is_told_by_the_traits_that_changed() -> None:
    traits = dict(KNOWN.traits)
    del traits["country"]
    traits["tenure_days"] = replace(traits["tenure_days"], window=30)

    changes = changed_traits(made(), replace(KNOWN, traits=traits))

    assert changes == ["trait 'tenure_days' has a different definition now", "trait 'country' is gone"]
    assert changed_traits(made(), KNOWN) == []


def test_the_definition_of_every_trait_it_reads_is_in_its_digests() -> None:
    assert set(made().catalogue) == {"tenure_days", "country"}
    assert asdict(KNOWN.traits["tenure_days"])["window"] is None
