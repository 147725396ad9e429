"""Experiments on local platforms: dealt once, shown as groups, measured by intention to treat."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from connectors.records import ARMS
from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE
from segmenter.lift.randomization import HOLDOUT, Experiment, arm_of
from segmenter.lift.text import verdict
from sync.assign.job import assign
from sync.experiments import job as experiments
from sync.ops.run import run_loop
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from sync.results import lift as lifting
from sync.results import offers as learning
from sync.results.experiment_sizes import measured_sizes
from sync.results.job import results
from sync.session import Session
from sync.workspace.experiments import experiment_toml, load_experiments, with_end, with_experiment
from sync.workspace.settings import load_workspace
from tests.sync.conftest import Platforms

SALE = '<h1>The sale has started</h1><a href="https://shop.example/offer">Save 20% off</a>'
PLAIN = '<h1>News</h1><a href="https://shop.example/offer">Have a look</a>'


def wanted(session: Session, **changes: object) -> Experiment:
    experiment = Experiment("spring", "", {"old": 0.5, "new": 0.5}, session.now(), holdout=0.2)
    return replace(experiment, **changes)  # type: ignore[arg-type]  # the changes are fields of it


def arms(session: Session, name: str = "spring") -> dict[str, str]:
    table = session.warehouse.current(ARMS.name)
    rows = table.filter(table.experiment == name).to_pyarrow().to_pylist()
    return {row["person_id"]: row["arm"] for row in rows}


def tagged(platforms: Platforms, group: str) -> set[str]:
    segments = platforms.email.segments(AUDIENCE)
    return {
        member["email_address"].lower()
        for member in platforms.members()
        if any(segments[tag]["name"] == f"ps:{group}" for tag in member["tags"])
    }


@pytest.fixture
def assigned(ready: Session) -> Session:
    return ready


@pytest.fixture
def pushed(session: Session, applied: str) -> Session:
    """A workspace whose first plan was applied."""
    del applied
    return session


@pytest.mark.long
def test_everybody_assigned_is_dealt_once_by_the_hash_and_stays_when_segments_change(assigned: Session) -> None:
    shown = experiments.create_experiment(assigned, wanted(assigned))
    first = arms(assigned)
    file = assigned.workspace.directory / "segments.toml"
    file.write_text(file.read_text("utf-8").replace("orders_365d >= 3", "orders_365d >= 1"), "utf-8")
    assigned.workspace = load_workspace(assigned.workspace.directory)
    assign(assigned, as_of=assigned.now())

    salt = assigned.workspace.experiments["spring"].salt
    assert first == {person: arm_of(person, replace(wanted(assigned), salt=salt)) for person in first}
    assert arms(assigned) == first
    assert sum(sum(size.people.values()) for size in shown.sizes) == len(first) > 100
    assert set(first.values()) == {HOLDOUT, "old", "new"}
    assert shown.ratio is not None
    assert not shown.ratio.broken


@pytest.mark.long
def test_an_experiment_and_its_result_on_the_platforms(platforms: Platforms, pushed: Session) -> None:
    session = pushed
    experiments.create_experiment(session, wanted(session, mde=0.5))
    run_loop(session, as_of=session.now(), set_up=True)
    access = platforms.sandbox.access
    where = (access["mailchimp_url"], access["mailchimp_key"], AUDIENCE)
    for arm, html in (("old", PLAIN), ("new", SALE)):
        marketer.send_to_tag(*where, title=f"To {arm}", subject="Spring", html=html, tag=f"ps:spring_{arm}")
    marketer.advance_clock(access["mailchimp_url"], days=4)
    results(session)
    later = replace_clock(session, days=5)
    lift = lifting.lift_of_experiment(later, "spring")
    learned = learning.offers(later)

    allocated = arms(session)
    reached = sum(cell.responses.people for best in learned.bests for cell in best.offers)
    assert {cell.offer for best in learned.bests for cell in best.offers} == {"old", "new"}
    assert 0 < reached <= sum(arm != HOLDOUT for arm in allocated.values())
    assert {trial.name for best in learned.bests for trial in best.trials} == {"spring"}
    clicked = {
        comparison.question.treated: comparison.everyone
        for comparison in lift.comparisons
        if comparison.question.metric == "clicked" and comparison.question.control == HOLDOUT
    }
    assert [
        (comparison.question.treated, comparison.question.control)
        for comparison in lift.comparisons
        if comparison.question.metric == "clicked"
    ] == [
        ("new", "old"),
        ("old", HOLDOUT),
        ("new", HOLDOUT),
    ]
    assert tagged(platforms, "spring_new").isdisjoint(tagged(platforms, "spring_old"))
    assert tagged(platforms, "spring_holdout")
    assert lift.early
    assert lift.ratio is not None
    assert set(clicked) == {"old", "new"}
    # all that were dealt stand with their persona; one that chance left without a holdout tells nothing of everyone
    (effects,) = (
        comparison.personas
        for comparison in lift.comparisons
        if (comparison.question.metric, comparison.question.treated) == ("clicked", "new")
        and comparison.question.control == HOLDOUT
    )
    assert sum(effect.treated.people for effect in effects) == sum(arm == "new" for arm in allocated.values())
    assert sum(effect.control.people for effect in effects) == sum(arm == HOLDOUT for arm in allocated.values())
    assert clicked["new"].treated.people == sum(effect.treated.people for effect in effects if effect.control.people)
    assert clicked["new"].treated.converted > 0
    assert clicked["new"].control.converted == 0
    assert lift.notes == ()
    # what the results say is missing is what `experiment show` counts
    view = experiments.show_experiment(later, "spring").with_results(*measured_sizes(later, "spring"))
    first = next(c for c in lift.comparisons if (c.question.metric, c.question.control) == ("clicked", "old"))
    assert experiments.show_experiment(later, "spring").verdict == ()
    assert list(view.verdict) == verdict(lift.comparisons, "clicked")
    assert (view.everyone.missing["old"], view.everyone.missing["new"]) == (first.everyone.more,) * 2
    assert first.everyone.more == 0 or f"{first.everyone.more:,} more contacts" in view.verdict[0]


@pytest.mark.long
def test_what_an_experiment_changes_at_its_start_stops_nothing(platforms: Platforms, pushed: Session) -> None:
    session = pushed
    pull(session)
    personas = tuple(session.workspace.personas)
    experiments.create_experiment(session, wanted(session, holdout=0.0, personas=personas, placebo=("old",)))
    create_missing(session, missing_steps(session))
    assign(session, as_of=session.now())

    planned = plan(session)

    shown = [change for change in planned.plan.changes if change.name == "personasync_headline" and change.before]
    assert len(shown) > 0.2 * planned.plan.counts.allowed["crm"]
    assert planned.plan.counts.replaced == {"crm": 0, "email": 0}
    assert not planned.breaches
    assert {change.name for change in planned.plan.changes if change.kind == "group"} == {"spring_old", "spring_new"}


def replace_clock(session: Session, *, days: float) -> Session:
    before = session.now
    session.now = lambda: before() + timedelta(days=days)
    return session


@pytest.mark.long
def test_groups_that_somebody_edited_are_told_and_change_nobodys_arm(platforms: Platforms, pushed: Session) -> None:
    session = pushed
    experiments.create_experiment(session, wanted(session))
    run_loop(session, as_of=session.now(), set_up=True)
    new = next(tag for tag in platforms.email.segments(AUDIENCE).values() if tag["name"] == "ps:spring_new")
    old = tagged(platforms, "spring_old")
    for member in [member for member in platforms.members() if member["email_address"].lower() in old][:3]:
        platforms.email.put_tag(AUDIENCE, member, str(new["id"]))
    before = arms(session)
    pull(session, full=True)

    assert experiments.edited(session, session.workspace.experiments["spring"]) == {"email": 3}
    assert arms(session) == before


@pytest.mark.long
def test_the_global_holdout_is_a_group_of_its_own_and_takes_part_in_no_experiment(assigned: Session) -> None:
    main = assigned.workspace.directory / "personasync.toml"
    main.write_text(main.read_text("utf-8") + "\n[holdout]\nshare = 0.1\n", "utf-8")
    assigned.workspace = load_workspace(assigned.workspace.directory)
    assign(assigned, as_of=assigned.now())
    experiments.create_experiment(assigned, wanted(assigned))

    everybody, allocated = arms(assigned, HOLDOUT), arms(assigned)
    held = {person for person, arm in everybody.items() if arm == HOLDOUT}
    lift = lifting.lift_of_experiment(assigned, HOLDOUT)
    assert 0.03 < len(held) / len(everybody) < 0.2
    assert set(allocated) == set(everybody) - held
    assert lift.primary == "ordered"
    assert lift.comparisons[0].everyone.control.people == len(held)
    assert HOLDOUT in assigned.workspace.groups


@pytest.mark.long
def test_an_ended_experiment_takes_nobody_in(assigned: Session) -> None:
    experiment = experiments.create_experiment(assigned, wanted(assigned, personas=("nora_new",))).experiment
    known = arms(assigned)
    experiments.end_experiment(assigned, "spring", experiment.begins + timedelta(hours=1))
    assigned.workspace = load_workspace(assigned.workspace.directory)
    assigned.warehouse.engine.truncate_table(ARMS.name)
    result = assign(assigned, as_of=experiment.begins + timedelta(days=1))

    assert known
    assert result.allocated == {}
    with pytest.raises(FixSettingsError, match="ended"):
        experiments.end_experiment(assigned, "spring", experiment.begins + timedelta(days=2))
    with pytest.raises(FixSettingsError, match="No global holdout"):
        experiments.show_experiment(assigned, HOLDOUT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"old": 0.5, "new": 0.6}}, "sum to 1.1"),
        ({"personas": ("nobody",)}, "no persona 'nobody'"),
        ({"name": "regulars", "arms": {"x": 0.5, "y": 0.5}, "holdout": 0.0, "personas": ("gone",)}, "no persona"),
    ],
)
def test_an_experiment_that_means_nothing_leaves_the_file_as_it_was(
    assigned: Session, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(FixSettingsError, match=message):
        experiments.create_experiment(assigned, wanted(assigned, **changes))

    assert not (assigned.workspace.directory / "experiments.toml").exists()
    assert arms(assigned) == {}


def test_a_name_is_taken_once(assigned: Session) -> None:
    experiments.create_experiment(assigned, wanted(assigned))
    text = (assigned.workspace.directory / "experiments.toml").read_text("utf-8")

    with pytest.raises(FixSettingsError, match="already"):
        experiments.create_experiment(assigned, wanted(assigned))
    assert (assigned.workspace.directory / "experiments.toml").read_text("utf-8") == text


def test_the_file_reads_back_as_what_was_written(tmp_path: Path) -> None:
    experiment = Experiment(
        "spring",
        'a "salt" \\ of',
        {"old": 1 / 3, "new": 2 / 3},
        datetime(2026, 11, 1, tzinfo=UTC),
        ends=datetime(2026, 12, 1, tzinfo=UTC),
        holdout=0.1,
        personas=("gus",),
        holdouts={"gus": 0.2},
        metric="ordered",
        mde=0.02,
        baseline=0.04,
        generic=("old",),
        placebo=("new",),
    )
    text = with_experiment("", experiment)

    (tmp_path / "experiments.toml").write_text(text, "utf-8")

    assert load_experiments(tmp_path, segments=(), personas=["gus"]) == {"spring": experiment}
    assert experiment_toml(experiment) in text
    assert with_end(text, "spring", datetime(2026, 11, 20, tzinfo=UTC)).count("ends = ") == 1
    assert "2026-11-20" in with_end(text, "spring", datetime(2026, 11, 20, tzinfo=UTC))


def test_lift_before_anything_happened_says_what_to_do(assigned: Session) -> None:
    with pytest.raises(FixSettingsError, match="No campaign with variants"):
        lifting.lift_of_campaign(assigned, None)
    with pytest.raises(FixSettingsError, match="no experiment 'spring'"):
        lifting.lift_of_experiment(assigned, "spring")


@pytest.mark.long
def test_what_an_arm_is_shown_differs_from_its_persona_and_the_persona_stays_true(
    platforms: Platforms, pushed: Session
) -> None:
    session = pushed
    arms_wanted = {"own": 1 / 3, "generic": 1 / 3, "random": 1 / 3}
    experiments.create_experiment(
        session, wanted(session, arms=arms_wanted, holdout=0.0, generic=("generic",), placebo=("random",))
    )
    run_loop(session, as_of=session.now(), set_up=True)

    shown = {m["email_address"].lower(): m["merge_fields"] for m in platforms.members()}
    heads = {"rita_regular": "Early access for you", "nora_new": "Welcome to the shop"}
    own = {
        shown[address]["PS_HEAD"] == heads[shown[address]["PERSONA"]]
        for address in tagged(platforms, "spring_own")
        if shown[address]["PERSONA"] in heads
    }
    generic = {shown[address]["PS_HEAD"] for address in tagged(platforms, "spring_generic")}
    drawn = [(shown[address]["PERSONA"], shown[address]["PS_HEAD"]) for address in tagged(platforms, "spring_random")]
    assert own == {True}
    assert generic == {"News from the shop"}
    assert any(persona in heads and head != heads[persona] for persona, head in drawn)
    assert "News from the shop" not in {head for _, head in drawn}
