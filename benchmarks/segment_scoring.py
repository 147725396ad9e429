"""Score everybody, and one person, against the scikit-learn pipeline that the model was taken from.

The pipeline is what one would write: an imputer, a scaler, a multinomial logit. Both sides begin with the same people
in an Arrow table of the engine, and end with everybody's label and confidence in an Arrow table: ours through the Ibis
expression on DuckDB, scikit-learn's through a pandas frame, in the fastest of three runs each. For one person, ours is
a call with a mapping, scikit-learn's a call with a frame of one row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from segmenter.classifier.expression import score_expression
from segmenter.classifier.from_sklearn import from_discriminant
from segmenter.classifier.linear import LinearModel, score_one

SEED = 20_261_101
FEATURES, SEGMENTS = 8, 5
UNKNOWN = 0.01  # of the values
FITTED_ON = 20_000
RUNS = 3
ONE_PERSON_RUNS, ONE_FRAME_RUNS = 20_000, 300
THREADS = 2  # as the warehouse has


def _people(rng: np.random.Generator, count: int) -> pd.DataFrame:
    values = rng.normal(size=(count, FEATURES)) * rng.uniform(0.5, 50, FEATURES) + rng.uniform(-5, 50, FEATURES)
    values[rng.random(values.shape) < UNKNOWN] = np.nan
    return pd.DataFrame(values, columns=[f"trait_{place}" for place in range(FEATURES)])


def _fitted(people: pd.DataFrame, rng: np.random.Generator) -> tuple[Any, LinearModel]:
    """A pipeline, and the same as our model."""
    some = people.head(FITTED_ON)
    leaning = some.fillna(some.mean()).to_numpy() @ rng.normal(size=(FEATURES, SEGMENTS)) / 20
    truth = (leaning + rng.gumbel(size=leaning.shape)).argmax(axis=1)
    made = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500))
    made.fit(some, np.array([f"segment_{place}" for place in truth]))
    imputer, scaler, logit = (step for _, step in made.steps)
    fill = imputer.statistics_.tolist()
    return made, from_discriminant("logit", logit, list(people.columns), fill=fill, mean=fill, scaler=scaler)


def _scene(count: int) -> tuple[pd.DataFrame, Any, LinearModel, Any]:
    """People, the pipeline, our model, and an engine that holds the people."""
    rng = np.random.default_rng(SEED)
    people = _people(rng, count)
    made, model = _fitted(people, rng)
    engine = ibis.duckdb.connect(threads=THREADS)  # noqa: TID251 - a benchmark has no warehouse
    engine.create_table("people", pa.Table.from_pandas(people, preserve_index=False))
    return people, made, model, engine


def _seconds(work: Callable[[], Any], runs: int = RUNS) -> tuple[float, Any]:
    """The fastest of some runs, and what the last one made."""
    best, made = float("inf"), None
    for _ in range(runs):
        started = time.perf_counter()
        made = work()
        best = min(best, time.perf_counter() - started)
    return best, made


def ours(folder: Path, count: int) -> dict[str, Any]:
    """Score with the expression, and one person with the function."""
    people, _, model, engine = _scene(count)
    wanted = score_expression(engine.table("people"), model).select("segment", "confidence")
    seconds, table = _seconds(lambda: wanted.to_pyarrow())
    pq.write_table(table, folder / "score.parquet")
    first = people.iloc[0].to_dict()
    person = {name: value for name, value in first.items() if value == value}  # noqa: PLR0124 - NaN
    single, _ = _seconds(lambda: [score_one(model, person) for _ in range(ONE_PERSON_RUNS)])
    return {"seconds": round(seconds, 3), "one_seconds": single / ONE_PERSON_RUNS}


def pipeline(folder: Path, count: int) -> dict[str, Any]:
    """Score with the pipeline, and one person on a frame of one row."""
    people, made, _, engine = _scene(count)

    def work() -> pa.Table:
        frame = engine.con.sql("SELECT * FROM people").to_arrow_table().to_pandas()
        likely = made.predict_proba(frame)
        return pa.table({"segment": made.classes_[likely.argmax(axis=1)], "confidence": likely.max(axis=1)})

    seconds, table = _seconds(work)
    pq.write_table(table, folder / "sklearn.parquet")
    frame = people.iloc[[0]]
    single, _ = _seconds(lambda: [made.predict_proba(frame) for _ in range(ONE_FRAME_RUNS)])
    return {"seconds": round(seconds, 3), "one_seconds": single / ONE_FRAME_RUNS}


def compared(folder: Path, count: int) -> dict[str, Any]:
    """Count the labels that differ, and find the largest difference of a confidence."""
    del count
    mine, theirs = pq.read_table(folder / "score.parquet"), pq.read_table(folder / "sklearn.parquet")
    labels = (mine["segment"].to_numpy() != theirs["segment"].to_numpy()).sum()
    difference = float(np.abs(mine["confidence"].to_numpy() - theirs["confidence"].to_numpy()).max())
    return {"found": {"label_mismatches": int(labels), "largest_difference": difference}}
