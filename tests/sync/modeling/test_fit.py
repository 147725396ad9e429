"""Fit, use, explain and doubt a model, from the command line and on real people of the local platforms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS
from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from segmenter.minimum import OF_A_SEGMENT
from sync.assign.explain import classify, explain
from sync.assign.job import assign
from sync.assign.person_rows import SessionRows
from sync.assign.sources import definitions_of
from sync.assign.what_if import what_if
from sync.cli.main import run
from sync.clock import now
from sync.modeling.fit import fit
from sync.ops.demo import make_workspace
from sync.pull.job import pull
from sync.session import Session, open_session
from sync.traits.compute import measured
from sync.workspace.models import model_in_use
from sync.workspace.proposals import ProposalFile, ProposalPart, ProposedPart, save
from sync.workspace.settings import load_workspace
from tests.sync.assign.replay import in_force, replayed_sources
from tests.sync.conftest import PEOPLE, Platforms

LEAST = OF_A_SEGMENT


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platforms]:
    """Both local platforms with their people; one for all tests here, since a pull takes seconds."""
    world = make_world()
    fill(world, PEOPLE)
    with Sandbox(world) as sandbox:
        folder = tmp_path_factory.mktemp("shop") / "workspace"
        make_workspace(folder, sandbox.access)
        yield Platforms(sandbox, folder)


@pytest.fixture(scope="module")
def pulled(shop: Platforms) -> Iterator[Session]:
    with open_session(shop.folder, now=now, environment=shop.environment) as opened:
        pull(opened)
        assign(opened, as_of=opened.now())
        yield opened


@pytest.fixture
def real(pulled: Session) -> Iterator[Session]:
    """A workspace after its first pull, without a model, its files as `init` wrote them."""
    file = pulled.workspace.directory / "personasync.toml"
    text = file.read_text("utf-8")
    yield pulled
    file.write_text(text, "utf-8")
    pulled.workspace = load_workspace(pulled.workspace.directory)
    shutil.rmtree(pulled.workspace.state_dir / "models", ignore_errors=True)


@pytest.fixture
def filled(real: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The same, where few people are enough: the local platforms have 120."""
    monkeypatch.setattr("segmenter.classifier.train.OF_A_SEGMENT", 10)
    monkeypatch.setattr("segmenter.classifier.train.A_FEATURE", 1)
    return real


@pytest.fixture
def assigned(filled: Session) -> Session:
    """The same, everybody assigned anew by the workspace as `init` wrote it."""
    filled.warehouse.engine.truncate_table(ASSIGNMENTS.name)
    assign(filled, as_of=filled.now())
    return filled


def labelled(session: Session, path: Path, rule: Callable[[int, dict[str, Any]], str]) -> Path:
    """A discovered labelling as a file: what *rule* says of each person's place by tenure, and traits."""
    rows = measured(session, session.now()).order_by("tenure_days").to_pyarrow().to_pylist()
    lines = [f"{row['person_id']},{rule(place, row)}" for place, row in enumerate(rows)]
    path.write_text("person_id,segment\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def by_orders(place: int, row: dict[str, Any]) -> str:
    return "gift_buyers" if row["orders_total"] >= 1 else "newcomers"


def by_chance(place: int, row: dict[str, Any]) -> str:
    return "gift_buyers" if place % 2 else "newcomers"


@pytest.mark.long
def test_a_model_that_beats_chance_is_in_use_and_decides_whom_no_rule_matches(filled: Session, tmp_path: Path) -> None:
    made = fit(filled, "discovered", as_of=filled.now(), labels=labelled(filled, tmp_path / "l.csv", by_orders))
    assert made.file.gate.passed
    assert made.path == filled.workspace.state_dir / "models" / "model.json"

    rules = filled.workspace.directory / "personasync.toml"
    rules.write_text(rules.read_text("utf-8") + '\n[classify]\norder = ["model"]\n', "utf-8")
    filled.workspace = load_workspace(filled.workspace.directory)
    assign(filled, as_of=filled.now())
    rows = filled.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()
    sure = [row for row in rows if row["source"] == "model"]
    assert sure
    assert {row["version"] for row in sure} == {made.file.version}
    assert all(row["confidence"] >= 0.6 for row in sure)

    person = next(
        key
        for key, person_id in filled.control.links.mapping().items()
        if person_id == sure[0]["person_id"] and "@" in key
    )
    asked = SessionRows(filled)
    explanation = explain(filled, asked, person.removeprefix("mailto:"))
    assert "calibrated" in explanation.sentences[0]
    assert made.file.version in " ".join(explanation.sentences)
    assert "the model would assign" in " ".join(explanation.sentences)
    assert set(explanation.document["chances"][made.file.version]) == {"gift_buyers", "newcomers"}
    assert explanation.document["holds_until"] > filled.now()
    again = classify(filled, asked, person.removeprefix("mailto:"), as_of=filled.now())
    assert again.document["segment"] == explanation.document["segment"]

    by_model, decided = filled.control.runs.newest(1)[0].run_id, in_force(filled)
    rules.write_text(rules.read_text("utf-8").replace('order = ["model"]', 'order = ["rules"]'), "utf-8")
    filled.workspace = load_workspace(filled.workspace.directory)
    made.path.unlink()
    assign(filled, as_of=filled.now())
    assert in_force(filled) != decided
    assert replayed_sources(filled, by_model, decided)["model"] == len(sure)  # by the model of then, which is gone


@pytest.mark.long
def test_an_accepted_proposal_is_found_anew_in_each_fold_and_a_bare_labelling_is_called_optimistic(
    filled: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sync.cli.models.session_of", lambda _folder: nullcontext(filled))
    folder = filled.workspace.directory
    parts = [
        ProposedPart(number=number, name=name, size=9, share=0.5, stability=0.9)
        for number, name in enumerate(("gift_buyers", "newcomers"), 1)
    ]
    proposal_part = ProposalPart(
        name="kinds",
        made_at="2026-11-01",
        light="green",
        sentence="Two.",
        source="model",
        method="kmeans",
        base=("orders_total", "tenure_days"),
        people=18,
        k=2,
        seed=1,
    )
    save(folder, ProposalFile(proposal=proposal_part, segments=tuple(parts)), [], None)
    accepted = labelled(filled, folder / "proposals" / "kinds.accepted.csv", by_orders)
    at = ["fit", "-w", str(folder), "--target", "discovered", "--labels"]

    run([*at, "kinds"])
    by_name = capsys.readouterr().out
    run([*at, str(accepted)])
    by_file = capsys.readouterr().out
    bare = labelled(filled, tmp_path / "bare.csv", by_orders)
    run([*at, str(bare)])
    by_labels = capsys.readouterr().out

    assert "optimistic" in by_labels
    assert "optimistic" not in by_name + by_file
    assert "Trained on" in by_name
    shutil.rmtree(folder / "proposals")


def test_a_model_no_better_than_chance_is_saved_and_never_used(filled: Session, tmp_path: Path) -> None:
    made = fit(filled, "discovered", as_of=filled.now(), labels=labelled(filled, tmp_path / "l.csv", by_chance))

    assert not made.file.gate.passed
    assert made.file.gate.sentences[0].startswith("The model predicts these segments no better than chance")
    assert made.path.parent.name == "tried"
    assert model_in_use(filled.workspace.state_dir, filled.workspace.catalogue) is None


def test_a_refused_model_that_somebody_puts_into_use_is_refused_again(filled: Session, tmp_path: Path) -> None:
    made = fit(filled, "discovered", as_of=filled.now(), labels=labelled(filled, tmp_path / "l.csv", by_chance))
    (filled.workspace.state_dir / "models" / "model.json").write_text(made.path.read_text("utf-8"), "utf-8")

    with pytest.raises(FixSettingsError, match="this model did not pass validation: The model predicts"):
        definitions_of(filled.workspace)


@pytest.mark.long
def test_a_sensitive_trait_and_what_the_target_is_made_of_teach_no_model(filled: Session, tmp_path: Path) -> None:
    labels = labelled(filled, tmp_path / "l.csv", by_orders)
    made = fit(filled, "rules", as_of=filled.now())
    used = {name for step in filled.workspace.steps.steps for name in step.rule.names}
    assert not used & set(made.file.catalogue)

    with pytest.raises(FixSettingsError, match="'tenure_days' can't be a feature"):
        fit(filled, "rules", as_of=filled.now(), only=["tenure_days"])
    file = filled.workspace.directory / "personasync.toml"
    file.write_text(
        file.read_text("utf-8") + '\n[traits.faith]\nconnection = "crm"\nproperty = "faith"\nsensitive = true\n',
        "utf-8",
    )
    filled.workspace = load_workspace(filled.workspace.directory)
    with pytest.raises(FixSettingsError, match="'faith' can't be a feature"):
        fit(filled, "discovered", as_of=filled.now(), labels=labels, only=["faith"])


@pytest.mark.long
def test_only_the_named_traits_are_learned_from(filled: Session, tmp_path: Path) -> None:
    labels = labelled(filled, tmp_path / "l.csv", by_orders)

    made = fit(filled, "discovered", as_of=filled.now(), labels=labels, only=["revenue_total", "platforms"])

    assert set(made.file.catalogue) <= {"revenue_total", "platforms"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has the columns a, b"),
        ("person_id,segment\nx,nobody\n", "has segment 'nobody', which segments.toml does not define"),
        ("", "labels.csv is empty"),
    ],
)
def test_a_labelling_that_says_nothing_is_refused(filled: Session, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(FixSettingsError, match=told):
        fit(filled, "discovered", as_of=filled.now(), labels=path)


def test_too_few_people_are_named_before_anything_is_fitted(real: Session) -> None:
    with pytest.raises(FixSettingsError, match=f"needs {LEAST} people, you have"):
        fit(real, "rules", as_of=real.now())
    with pytest.raises(FixSettingsError, match="No segment comes from survey"):
        fit(real, "survey", as_of=real.now())
    with pytest.raises(FixSettingsError, match="need a labels file"):
        fit(real, "discovered", as_of=real.now())


@pytest.mark.long
@pytest.mark.parametrize("rubbish", ["", "{}", '{"digest": 1}', "[" * 100_000, "\x00\xff", "{" * 10])
def test_a_damaged_model_stops_whatever_would_use_it_with_the_file_and_the_mend(real: Session, rubbish: str) -> None:
    models = real.workspace.state_dir / "models"
    models.mkdir()
    (models / "model.json").write_text(rubbish, "utf-8")

    with pytest.raises(FixSettingsError, match=r"\.personasync/models/model\.json: .*`personasync fit`"):
        definitions_of(real.workspace)
    assert definitions_of(real.workspace, with_model=False).model is None


@pytest.mark.long
def test_a_model_of_an_older_catalogue_is_refused_with_the_traits_that_changed(filled: Session, tmp_path: Path) -> None:
    file = filled.workspace.directory / "personasync.toml"
    plain = file.read_text("utf-8")
    mapped = '\n[traits.tier]\nconnection = "crm"\nproperty = "lifecyclestage"\nmeaning = "{}"\n'
    file.write_text(plain + mapped.format("tier"), "utf-8")
    filled.workspace = load_workspace(filled.workspace.directory)
    labels = labelled(filled, tmp_path / "l.csv", by_orders)
    made = fit(filled, "discovered", as_of=filled.now(), labels=labels)
    assert made.file.gate.passed
    assert "tier" in made.file.catalogue

    file.write_text(plain + mapped.format("another tier"), "utf-8")
    with pytest.raises(FixSettingsError, match="trait 'tier' has a different definition now"):
        definitions_of(load_workspace(filled.workspace.directory))
    file.write_text(plain, "utf-8")
    with pytest.raises(FixSettingsError, match="trait 'tier' is gone"):
        definitions_of(load_workspace(filled.workspace.directory))


@pytest.mark.long
def test_what_if_shows_who_would_move_and_saves_nothing(assigned: Session, tmp_path: Path) -> None:
    other = tmp_path / "segments.toml"
    text = (assigned.workspace.directory / "segments.toml").read_text("utf-8")
    other.write_text(text.replace("average_order >= 40", "average_order >= 60"), "utf-8")
    before = assigned.warehouse.history(ASSIGNMENTS.name).count().execute()

    moves = what_if(assigned, other, as_of=assigned.now())

    assert moves
    assert {move.before for move in moves} == {"gift_buyers"}
    assert all(0 < len(move.samples) <= 3 and move.persons >= len(move.samples) for move in moves)
    assert all("@" in sample for move in moves for sample in move.samples)
    assert assigned.warehouse.history(ASSIGNMENTS.name).count().execute() == before
    assert what_if(assigned, assigned.workspace.directory / "segments.toml", as_of=assigned.now()) == []
    with pytest.raises(FixSettingsError, match="File not found"):
        what_if(assigned, tmp_path / "nothing.toml", as_of=assigned.now())


@pytest.mark.long
def test_the_commands_tell_people_and_scripts(
    assigned: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, noise = (labelled(assigned, tmp_path / f"{rule.__name__}.csv", rule) for rule in (by_orders, by_chance))
    email = next(key.removeprefix("mailto:") for key in assigned.control.links.mapping() if key.startswith("mailto:"))
    at = ["-w", str(assigned.workspace.directory)]
    for module in ("models", "pipeline"):
        monkeypatch.setattr(f"sync.cli.{module}.session_of", lambda _folder: nullcontext(assigned))
    monkeypatch.setattr("sync.cli.models.person_rows_of", lambda _: nullcontext((assigned, SessionRows(assigned))))
    other = tmp_path / "other.toml"
    text = (assigned.workspace.directory / "segments.toml").read_text("utf-8")
    other.write_text(text.replace("average_order >= 40", "average_order >= 60"), "utf-8")

    def told(*arguments: str, status: int = 0) -> str:
        assert run([arguments[0], *at, *arguments[1:]]) == status
        return capsys.readouterr().out

    assert "no better than chance" in told("fit", "--target", "discovered", "--labels", str(noise), status=3)
    assert "Nobody would move" in told("assign", "--what-if", str(assigned.workspace.directory / "segments.toml"))
    assert "would move. Nothing was saved." in told("assign", "--what-if", str(other))
    assert json.loads(told("assign", "--what-if", str(other), "--json"))["moves"][0]["before"] == "gift_buyers"
    assert "In use: " in told("fit", "--target", "discovered", "--labels", str(labels), "--seed", "5")
    assert json.loads(told("classify", email, "--json"))["email"] == email
    told("fit", "--target", "stars", status=2)


def test_a_fit_to_the_rules_says_whom_they_leave_out(
    filled: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sync.cli.models.session_of", lambda _folder: nullcontext(filled))

    run(["fit", "-w", str(filled.workspace.directory), "--target", "rules"])

    assert "people who match no rule stay unclassified" in capsys.readouterr().out


def test_a_workspace_that_asks_for_a_declared_trait_it_does_not_have_is_told_so(real: Session) -> None:
    file = real.workspace.directory / "personasync.toml"
    plain = file.read_text("utf-8")
    for name, message in (("nothing", "is not a trait"), ("orders_total", "must be text")):
        file.write_text(f'{plain}\n[classify]\ndeclared = "{name}"\n', "utf-8")
        with pytest.raises(FixSettingsError, match=message):
            definitions_of(load_workspace(real.workspace.directory))
