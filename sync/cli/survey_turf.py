"""`survey turf`: the few items that reach most people."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import JsonOption, console_of
from sync.cli.survey_options import (
    AnswersFile,
    ExcludeOption,
    LeaveOutOption,
    RespondentOption,
    SheetOption,
    WeightOption,
    survey_app,
)

if TYPE_CHECKING:
    from segmenter.surveys.turf import ItemSet
    from sync.surveys.turf import TurfOfFile


@survey_app.command("turf")
def survey_turf_command(
    file: AnswersFile,
    *,
    size: Annotated[int, typer.Option("--size", min=1, max=50, help="Number of items to choose.")] = 3,
    item: Annotated[
        list[str] | None, typer.Option("--item", metavar="COLUMN", help="An item; repeat for several. Default: all.")
    ] = None,
    exclude: ExcludeOption = None,
    at_least: Annotated[
        float | None, typer.Option("--at-least", help="Answer from which an item reaches somebody, such as 4.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="An item reaches who has it among this many best (utilities).")
    ] = None,
    always: Annotated[
        list[str] | None, typer.Option("--always", metavar="COLUMN", help="An item that must be there.")
    ] = None,
    weight: WeightOption = None,
    respondent: RespondentOption = None,
    leave_out: LeaveOutOption = None,
    sheet: SheetOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the held-out halves.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Choose the few items that reach most people (TURF). Exact where possible; needs no workspace."""
    from sync.surveys.turf import TurfWish, turf_of_file  # noqa: PLC0415 - heavy imports only where needed

    if at_least is not None and top is not None:
        raise FixSettingsError("--at-least and --top can't be combined.", fix="Use only one of them.")
    wish = TurfWish(size, item or (), exclude or (), at_least, top, always or (), respondent, weight, leave_out, seed)
    made = turf_of_file(file, wish, sheet=sheet)
    console_of(as_json=as_json).result(_document(made), *_lines(made))


def _lines(made: TurfOfFile) -> list[Any]:
    rows, before = [], 0.0
    for chosen in made.sets:
        best = chosen.best
        rows.append(
            (
                len(best.items),
                made.named(best),
                f"{best.reach:.1%}",
                f"{100 * (best.reach - before):+.1f} pp" if before else "",
                f"{best.frequency:.2f}",
                chosen.search if chosen.proven else "best found, not proven",
            )
        )
        before = best.reach
    last = made.sets[-1]
    shown: list[Any] = [
        *(f"Note: {note}" for note in made.notes),
        table("Items", "Best set", "Reach", "Adds", "Liked by the reached", "Search", rows=rows),
    ]
    if last.others:
        others = [(made.named(other), f"{other.reach:.1%}", f"{other.frequency:.2f}") for other in last.others]
        shown.append(table("Next best", "Reach", "Liked by the reached", rows=others))
    alone = [(made.named(chosen), f"{chosen.reach:.1%}") for chosen in made.alone[:20]]
    shown.append(table("Item alone", "Reach", rows=alone))
    shown.append(f"{_base(made)}; all {len(made.items)} items together reach {made.most:.1%}.")
    if isfinite(made.held_out):
        shown.append(
            f"Among people who took no part in the choice, the best set of {len(last.best.items)} reaches "
            f"{made.held_out:.1%}: the best of many sets is best by luck, too."
        )
    return shown


def _base(made: TurfOfFile) -> str:
    base = f"Respondents: {made.base.people:,}"
    weighted = made.base.design_effect > 1 + 1e-9
    return f"{base} (effective base {made.base.effective:,.0f})" if weighted else base


def _document(made: TurfOfFile) -> dict[str, Any]:
    def each(chosen: ItemSet) -> dict[str, Any]:
        items = [made.items[place] for place in chosen.items]
        return {"items": items, "reach": chosen.reach, "frequency": chosen.frequency}

    return {
        "file": made.file,
        "respondents": made.base.people,
        "effective_base": made.base.effective,
        "sets": [
            {
                **each(chosen.best),
                "proven": chosen.proven,
                "search": chosen.search,
                "next_best": [each(other) for other in chosen.others],
            }
            for chosen in made.sets
        ],
        "alone": [each(chosen) for chosen in made.alone],
        "reach_of_all": made.most,
        "reach_held_out": made.held_out if isfinite(made.held_out) else None,
        "notes": list(made.notes),
    }
