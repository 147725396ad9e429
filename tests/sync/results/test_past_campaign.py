"""`campaign` on 64,000 mails in three arms with the published counts, and on files that can't be judged."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sync.cli.main import run

PUBLISHED = {  # people, visits, orders: Hillstrom 2008, e-mail analytics challenge
    "Mens E-Mail": (21_307, 3_894, 267),
    "Womens E-Mail": (21_387, 3_238, 189),
    "No E-Mail": (21_306, 2_262, 122),
}


def write(path: Path, head: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def mails(path: Path, divide: int = 1) -> Path:
    """People of the published counts; what they spent and where they buy is made up, alike in all arms."""
    rows: list[list[object]] = []
    for arm, counts in PUBLISHED.items():
        people, visits, orders = (count // divide for count in counts)
        rows += [
            [f"{arm[0]}{place}", arm, int(place < visits), int(place < orders), 90 * (place < orders), place % 3]
            for place in range(people)
        ]
    return write(path, ["customer_id", "arm", "visited", "converted", "amount", "channel"], rows)


@pytest.mark.slow
@pytest.mark.reproduces("64,000 mails in three arms: visits and lift", "Hillstrom 2008, MineThatData challenge")
def test_the_published_lift_of_64_000_mails_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = mails(tmp_path / "mails.csv")
    assert run(["campaign", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["people"] == {"No E-Mail": 21_306, "Mens E-Mail": 21_307, "Womens E-Mail": 21_387}
    assert document["sample_ratio_p"] == pytest.approx(0.904, abs=0.001)
    lifts = {(c["metric"], c["treated"]): c["everyone"] for c in document["everyone"]}
    assert {key: round(100 * effect["difference"], 2) for key, effect in lifts.items()} == {
        ("visited", "Mens E-Mail"): 7.66,
        ("visited", "Womens E-Mail"): 4.52,
        ("converted", "Mens E-Mail"): 0.68,
        ("converted", "Womens E-Mail"): 0.31,
    }
    assert all(effect["stands"] for effect in lifts.values())
    assert not any(c["differ"] for c in document["within"]["channel"])
    assert (document["best"][0]["best"], document["best"][0]["supported"]) == ("Mens E-Mail", True)
    assert document["best"][0]["difference"] == pytest.approx(0.0314, abs=0.0005)


def test_what_is_printed_has_checks_lift_money_power_and_the_best_arm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "180")
    assert run(["campaign", str(mails(tmp_path / "m.csv", 10)), "--mde", "0.005"]) == 0
    shown = capsys.readouterr().out

    for part in (
        "Sample ratio: p = 0.99, as planned.",
        "no significant imbalance",
        "+7.65 (",
        "amount per person: ",
        "pp over 10.61%",
        "No significant difference between groups in 4 tests of 1 covariates (Holm).",
        "“Mens E-Mail” is the best of",
    ):
        assert part in shown


def test_a_mismatch_stops_the_verdict_unless_the_shares_were_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[object]] = [[n, "held" if n % 10 == 0 else "mailed", int(n % 7 == 0)] for n in range(2_000)]
    file = write(tmp_path / "c.csv", ["id", "arm", "ordered"], rows)

    assert run(["campaign", str(file), "--control", "held"]) == 3
    assert "draw no conclusions" in " ".join(capsys.readouterr().out.split())
    planned = ["--share", "held=0.1", "--share", "mailed=0.9"]
    assert run(["campaign", str(file), "--control", "held", *planned]) == 0


@pytest.mark.parametrize(
    ("head", "rows", "more", "message"),
    [
        (["id", "variant", "visited"], [[1, "a", 1]], [], "no column 'arm'. It has: id, variant, visited."),
        (["id", "arm"], [[1, "a"]], [], "has no column of outcomes"),
        (["id", "arm", "visited"], [[1, "a", 1], [2, "a", 0]], [], "one arm only, 'a'"),
        (
            ["id", "arm", "visited"],
            [[1, "a", 1], [2, "b", "maybe"]],
            [],
            "row 3, visited: 'maybe' is neither yes nor no",
        ),
        (["id", "arm", "visited"], [[1, "a", 1], [1, "b", 0]], [], "rows 2 and 3: the same person twice"),
        (["id", "arm", "visited"], [[1, "a", 1], [2, "", 0]], [], "row 3: the person has no arm"),
        (["id", "arm", "visited", "amount"], [[1, "a", 1, "x"], [2, "b", 0, 1]], [], "row 2, amount: 'x'"),
        (["id", "arm", "visited"], [[1, "a", 1], [2, "b", 0]], ["--control", "c"], "There is no arm 'c'"),
        (
            ["id", "arm", "visited"],
            [[1, "a", 1], [2, "b", 0]],
            ["--share", "a=half"],
            "--share 'a=half' is not ARM=SHARE",
        ),
        (["id", "arm", "visited"], [[1, "a", 1], [2, "b", 0]], ["--share", "a=1"], "the arms are a, b"),
        (["id", "arm", "visited"], [[1, "a", 1], [2, "b", 0]], ["--mde", "2"], "--mde 2 is not a share"),
        (
            ["id", "arm", "visited", "sent_at", "visited_at"],
            [
                [1, "a", 1, "2026-05-02T10:00:00Z", "2026-05-02T09:59:00Z"],
                [2, "b", 1, "2026-05-02T10:00:00Z", "2026-05-02"],
                [3, "b", 1, "2026-05-02T10:00:00Z", "2026-05-01"],
                [4, "b", 0, "2026-05-02T10:00:00Z", ""],
            ],
            [],
            "2 outcomes ('visited_at', rows 2, 4) came before their cause ('sent_at')",
        ),
        (
            ["id", "arm", "visited", "mail", "bought"],
            [[1, "a", 1, "2026-05-02", "soon"], [2, "b", 0, "", ""]],
            ["--sent", "mail", "--happened", "bought"],
            "row 2, bought: 'soon' is not a date",
        ),
        (
            ["id", "arm", "visited", "mail"],
            [[1, "a", 1, ""], [2, "b", 0, ""]],
            ["--sent", "mail"],
            "has no moment of the outcome",
        ),
        (
            ["id", "arm", "visited", "basket"],
            [[1, "a", 1, "shoes"], [2, "a", 0, ""], [3, "b", 0, ""], [4, "b", 1, "hats"]],
            [],
            "column 'basket': it is filled where 'visited' is yes, and only there",
        ),
        (
            ["campaign", "id", "arm", "visited"],
            [["x", 1, "a", 1], ["y", 2, "b", 0]],
            [],
            "has 2 campaigns. Name one with --campaign: x, y.",
        ),
    ],
)
def test_files_that_cannot_be_judged_name_place_and_fix(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    head: list[str],
    rows: list[list[object]],
    more: list[str],
    message: str,
) -> None:
    assert run(["campaign", str(write(tmp_path / "c.csv", head, rows)), *more]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_dates_in_the_right_order_change_nothing_and_are_no_covariates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = ["id", "arm", "visited", "channel"]
    rows: list[list[object]] = [[place, ("a", "b")[place % 2], int(place % 7 == 0), place % 3] for place in range(600)]
    plain = write(tmp_path / "plain.csv", head, rows)
    dated = write(
        tmp_path / "dated.csv",
        [*head, "sent_at", "visited_at"],
        [[*row, "2026-05-02T10:00:00Z", "2026-05-02T11:00:00Z" if row[2] else ""] for row in rows],
    )

    documents = []
    for file in (plain, dated):
        assert run(["campaign", str(file), "--json"]) == 0
        documents.append({**json.loads(capsys.readouterr().out), "about": ""})
    assert documents[0] == documents[1]
