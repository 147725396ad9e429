"""Score a million people, and one, against the scikit-learn pipeline that the model was taken from.

The pipeline is what one would write: an imputer, a scaler, a multinomial logit. Both sides begin with the same people
in the same Arrow table, and end with everybody's label and confidence in an Arrow table: ours through the Ibis
expression on DuckDB, scikit-learn's through a pandas frame, in the fastest of three runs each, one after the other in
the same process. For one person, ours is a call with a mapping, scikit-learn's a call with a frame of one row.

    python benchmarks/scoring.py          # about a minute
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from segmenter.classifier.expression import as_expression
from segmenter.classifier.linear import LinearModel, score_one
from segmenter.classifier.makers import from_discriminant

PEOPLE = 1_000_000
FEATURES, SEGMENTS = 8, 5
UNKNOWN = 0.01  # of the values
FITTED_ON = 20_000
RUNS = 3
ONE_PERSON_RUNS, ONE_FRAME_RUNS = 20_000, 300
THREADS = 2  # as the warehouse has


def _people(rng: np.random.Generator) -> pd.DataFrame:
    values = rng.normal(size=(PEOPLE, FEATURES)) * rng.uniform(0.5, 50, FEATURES) + rng.uniform(-5, 50, FEATURES)
    values[rng.random(values.shape) < UNKNOWN] = np.nan
    return pd.DataFrame(values, columns=[f"trait_{place}" for place in range(FEATURES)])


def _fitted(people: pd.DataFrame, rng: np.random.Generator) -> tuple[Any, LinearModel]:
    """A pipeline, and the same as our model."""
    some = people.head(FITTED_ON)
    leaning = some.fillna(some.mean()).to_numpy() @ rng.normal(size=(FEATURES, SEGMENTS)) / 20
    truth = (leaning + rng.gumbel(size=leaning.shape)).argmax(axis=1)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500))
    pipeline.fit(some, np.array([f"segment_{place}" for place in truth]))
    imputer, scaler, logit = (step for _, step in pipeline.steps)
    fill = imputer.statistics_.tolist()
    return pipeline, from_discriminant("logit", logit, list(people.columns), fill=fill, mean=fill, scaler=scaler)


def _seconds(work: Callable[[], Any], runs: int = RUNS) -> tuple[float, Any]:
    """The fastest of some runs, and what the last one made."""
    best, made = float("inf"), None
    for _ in range(runs):
        started = time.perf_counter()
        made = work()
        best = min(best, time.perf_counter() - started)
    return best, made


def measure() -> dict[str, float]:
    """Return the figures: ratios above 1 say how much faster ours is."""
    rng = np.random.default_rng(20_261_101)
    people = _people(rng)
    pipeline, model = _fitted(people, rng)
    table = pa.Table.from_pandas(people, preserve_index=False)
    engine = ibis.duckdb.connect(threads=THREADS)  # noqa: TID251 - a benchmark has no warehouse
    engine.create_table("people", table)
    wanted = as_expression(engine.table("people"), model).select("segment", "confidence")

    def theirs() -> pa.Table:
        frame = engine.con.sql("SELECT * FROM people").to_arrow_table().to_pandas()
        likely = pipeline.predict_proba(frame)
        labels = pipeline.classes_[likely.argmax(axis=1)]
        return pa.table({"segment": labels, "confidence": likely.max(axis=1)})

    their_seconds, their_table = _seconds(theirs)
    our_seconds, our_table = _seconds(lambda: wanted.to_pyarrow())
    one = people.iloc[[0]]
    person = {name: value for name, value in one.to_dict("records")[0].items() if value == value}  # noqa: PLR0124 - NaN
    frame_seconds, _ = _seconds(lambda: [pipeline.predict_proba(one) for _ in range(ONE_FRAME_RUNS)])
    person_seconds, _ = _seconds(lambda: [score_one(model, person) for _ in range(ONE_PERSON_RUNS)])
    their_one, our_one = frame_seconds / ONE_FRAME_RUNS, person_seconds / ONE_PERSON_RUNS
    mismatches = (our_table["segment"].to_numpy() != their_table["segment"].to_numpy()).sum()
    difference = np.abs(our_table["confidence"].to_numpy() - their_table["confidence"].to_numpy()).max()
    return {
        "score_seconds": round(our_seconds, 3),
        "score_sklearn_seconds": round(their_seconds, 3),
        "score_vs_sklearn": round(their_seconds / our_seconds, 2),
        "label_mismatches": int(mismatches),
        "largest_difference": float(difference),
        "one_microseconds": round(our_one * 1e6, 2),
        "one_sklearn_microseconds": round(their_one * 1e6, 1),
        "one_vs_sklearn": round(their_one / our_one, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
