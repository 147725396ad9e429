"""`discover FILE` on what people hand in: mixed columns, rare words, scales of three kinds, ids, wished numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from connectors.errors import FixSettingsError
from segmenter.discover.candidates import solutions
from segmenter.discover.markers import markers
from segmenter.discover.stability import Effort, best_labels
from segmenter.stats.item_matrix import Items, coded, survey_items
from segmenter.stats.item_words import OTHER
from segmenter.stats.kmeans import Rows
from sync.modeling.inputs import Base, from_file
from tests.sync.surveys.test_job import WORKSPACE, say, write

COLORS = ("red", "green", "blue", "grey")


def mixed(people: int, seed: int = 3) -> tuple[list[list[str]], np.ndarray]:
    """Rows of a file with numbers, a 1 to 6 scale, words, and yes/no; and the segment of each person."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, people, p=[0.4, 0.35, 0.25])
    columns = [[f"p{row}@people.test" for row in range(people)]]
    for place in range(3):
        columns.append([f"{value:.4g}" for value in rng.normal(size=people) + 1.8 * (group == place)])
        felt = np.clip(np.round(3 + rng.normal(size=people) + 2 * (group == place)), 1, 6)
        columns.append([f"{value:.0f}" for value in felt])
    for place in range(2):
        chances = np.full((3, 4), 0.12)
        chances[np.arange(3), (np.arange(3) + place) % 4] = 0.64
        columns.append([COLORS[rng.choice(4, p=chances[one])] for one in group])
    columns.append(["yes" if rng.random() < 0.2 + 0.5 * (one == 0) else "no" for one in group])
    head = ["email", "n0", "s0", "n1", "s1", "n2", "s2", "c0", "c1", "y"]
    return [head, *(list(row) for row in zip(*columns, strict=True))], group


def read(path: Path, **options: object) -> Base:
    return from_file(path, **{"wanted": (), "respondent": None, "beside": (), "most": 4, **options})  # type: ignore[arg-type]


def test_numbers_keep_their_order_and_words_stay_words(tmp_path: Path) -> None:
    rows, _ = mixed(80)

    items = read(write(tmp_path / "a.csv", rows)).items

    assert items.kind == "mixed"
    assert items.names == ("n0", "s0", "n1", "s1", "n2", "s2", "c0", "c1", "y")
    assert [bool(options) for options in items.categories] == [False] * 6 + [True, True, False]
    assert items.categories[6] == tuple(sorted(COLORS))
    assert set(np.unique(items.values[:, 8])) == {0.0, 1.0}
    assert items.values[:, 1].tolist() == [float(row[2]) for row in rows[1:]]


def test_every_item_counts_alike_whatever_its_type(tmp_path: Path) -> None:
    """The spread of one item is 1, as in Gower's distance; of a category that of all its indicators together."""
    rows, _ = mixed(300)
    items = read(write(tmp_path / "a.csv", rows)).items

    base = coded(items)

    spread = dict.fromkeys(items.names, 0.0)
    for feature, variance in zip(base.features, base.values.var(axis=0), strict=True):
        spread[feature.removeprefix("log1p(").rstrip(")").partition("=")[0]] += variance
    np.testing.assert_allclose(list(spread.values()), 1.0)
    np.testing.assert_allclose(base.values.mean(axis=0), 0.0, atol=1e-9)


def test_mixed_segments_are_found_and_described_in_the_units_of_the_items(tmp_path: Path) -> None:
    rows, group = mixed(500)
    items = read(write(tmp_path / "a.csv", rows)).items
    base = Rows.of(coded(items).observed)

    labels = best_labels(base, 3, starts=20, rng=np.random.default_rng(1))[0][base.place]

    assert adjusted_rand_score(group, labels) > 0.8
    largest = {marker.item: marker for marker in markers(items, labels, 3)[0]}
    assert largest["c0=red"].here == pytest.approx(
        np.mean([row[7] == "red" for row in np.array(rows[1:])[labels == 0]])
    )
    assert largest["n0"].here == pytest.approx(np.mean([float(row[1]) for row in np.array(rows[1:])[labels == 0]]))


def test_shuffled_mixed_columns_have_no_stable_segments(tmp_path: Path) -> None:
    rows, _ = mixed(300)
    items = read(write(tmp_path / "a.csv", rows)).items
    rng = np.random.default_rng(2)
    noise = Items(items.kind, items.names, rng.permuted(items.values, axis=0), items.categories)

    real, none = (solutions(some, (3,), "auto", Effort(20, 3), rng)[3].stability for some in (items, noise))

    assert real.agreement > 0.8
    assert none.agreement < 0.5


def test_thirty_words_of_one_person_each_are_joined_and_told(tmp_path: Path) -> None:
    rows, _ = mixed(400)
    often = [f"job {place}" for place in range(10)]
    jobs = [f"rare {place}" if place < 30 else often[place % 10] for place in range(400)]
    rows = [[*row, job] for row, job in zip(rows, ["job", *jobs], strict=True)]

    base = read(write(tmp_path / "a.csv", rows))

    assert "job: 30 rare answers are joined as 'other'." in base.notes
    assert base.items.categories[-1] == (*often, OTHER)


def test_too_many_words_that_are_all_usual_are_refused(tmp_path: Path) -> None:
    rows, _ = mixed(400)
    rows = [[*row, job] for row, job in zip(rows, ["job", *(f"job {n % 20}" for n in range(400))], strict=True)]

    with pytest.raises(FixSettingsError, match="20 different answers are too many categories"):
        read(write(tmp_path / "a.csv", rows))


def test_items_of_three_scales_count_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    group = rng.integers(0, 2, 300)
    felt = rng.normal(size=(300, 6)) + 2.5 * group[:, None]
    scales = [
        np.clip(np.round(3 + felt[:, :2]), 1, 5),
        np.clip(np.round(5 + 2 * felt[:, 2:4]), 0, 10),
        50 + 15 * felt[:, 4:],
    ]
    values = np.column_stack(scales)
    head = ["q1", "q2", "n1", "n2", "p1", "p2"]
    file = write(tmp_path / "a.csv", [head, *([f"{v:.0f}" for v in row] for row in values)])

    items = read(file).items
    base = Rows.of(coded(items).observed)
    labels = best_labels(base, 2, starts=10, rng=rng)[0][base.place]

    assert items.kind == "metric"
    np.testing.assert_allclose(coded(items).values.std(axis=0), 1.0)
    assert adjusted_rand_score(group, labels) > 0.9


def test_one_respondent_twice_is_told_with_both_rows(tmp_path: Path) -> None:
    rows, _ = mixed(60)
    rows[40][0] = rows[10][0]

    with pytest.raises(FixSettingsError, match=r"row 41: 'p9@people.test' already answered in row 11"):
        read(write(tmp_path / "a.csv", rows))


@pytest.mark.parametrize("header", ["email", "Respondent", "customer_id"])
def test_a_column_named_as_usual_says_who_answered(tmp_path: Path, header: str) -> None:
    rows, _ = mixed(60)
    rows[0][0] = header

    base = read(write(tmp_path / "a.csv", rows))

    assert (base.respondent, base.people[:2]) == (header, ("p0@people.test", "p1@people.test"))
    assert header not in base.items.names


def test_what_is_excluded_makes_no_segments(tmp_path: Path) -> None:
    rows, _ = mixed(60)

    base = read(write(tmp_path / "a.csv", rows), exclude=("N0", "c1"))

    assert base.items.names == ("s0", "n1", "s1", "n2", "s2", "c0", "y")


def test_latent_classes_take_each_number_of_a_scale_as_an_answer() -> None:
    columns = {name: [str(value % 6 + 1) for value in range(60)] for name in ("a", "b")}

    items = survey_items(columns, most=3, as_categories=True)

    assert (items.kind, items.categories[0]) == ("categorical", ("1", "2", "3", "4", "5", "6"))


@pytest.mark.long
def test_a_wished_number_is_judged_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    rows, _ = mixed(300)
    file = str(write(tmp_path / "a.csv", [row[1:7] for row in rows]))

    _, right, _ = say(capsys, "discover", file, "--segments", "3", "--json")
    _, wrong, _ = say(capsys, "discover", file, "--segments", "6", "--json")

    assert (json.loads(right)["light"] != "red", list(json.loads(right)["tried"])) == (True, ["3"])
    assert json.loads(wrong)["light"] == "red"
    assert list(json.loads(wrong)["tried"]) in (["6"], [])


@pytest.mark.slow
def test_a_given_partition_is_judged_and_a_wrong_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    rows, group = mixed(200)
    titled = [[*row, segment] for row, segment in zip(rows, ["segment", *(f"s{one}" for one in group)], strict=True)]
    file = str(write(tmp_path / "a.csv", titled))
    twice = write(tmp_path / "twice.csv", [["email", "segment"], ["p1@people.test", "x"], ["p1@people.test", "y"]])
    strangers = write(tmp_path / "strangers.csv", [["email", "segment"], ["q@people.test", "x"]])

    status, document, _ = say(capsys, "discover", file, "--audit", file, "--json")
    refused, _, double = say(capsys, "discover", file, "--exclude", "segment", "--audit", str(twice))
    _, _, unknown = say(capsys, "discover", file, "--exclude", "segment", "--audit", str(strangers))

    audited = json.loads(document)
    assert (status, audited["light"] != "red", audited["left_out"]) == (0, True, 0)
    assert {segment["name"]: segment["people"] for segment in audited["segments"]} == {
        f"s{place}": int((group == place).sum()) for place in range(3)
    }
    assert (refused, "row 3: 'p1@people.test' is in 'x' already" in double) == (2, True)
    assert "gives 0 of 200 people a segment" in unknown
