"""Charts of the report: Altair, drawn to SVG on this machine, so that the page needs no network.

Every drawing is narrow and its letters large, so that it can be read when a phone shrinks it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from typing import Any

from connectors.visible import visible
from segmenter.lift.effects import EVERYONE, Comparison
from segmenter.stats.proportions import wilson
from sync.report.sentences import everyone
from sync.results.campaign_result import CLICKED, CampaignResult

WIDTH = 330
LETTERS = 13
INK, SOFT, MARK, SECOND, GRID = "#1d2433", "#4a556d", "#2f5bb7", "#a8480f", "#dfe4ee"
COLOURS = [MARK, SECOND, "#237045", "#6b4fa0", "#9b1c5a", "#3d6b7d"]
HOUR_NAMES = [f"{hour:02d}" for hour in range(24)]


def click_chart(result: CampaignResult) -> str:
    """Return an SVG of the share of people who clicked, per persona and variant, with intervals; "" without data."""
    points = []
    for row in [*everyone(result.rows), *result.rows]:
        if row.tracked:
            clicks = row.responses(CLICKED)
            span = wilson(clicks)
            points.append(
                {
                    "persona": row.persona,
                    "variant": row.variant or "all",
                    "rate": clicks.rate,
                    "low": span.low,
                    "high": span.high,
                }
            )
    return _clicks(points) if points else ""


def _clicks(points: list[dict[str, Any]]) -> str:
    import altair as alt  # noqa: PLC0415 - 0.3 s that no other step needs

    variants = sorted({str(point["variant"]) for point in points})
    legend = alt.Legend(orient="top", title=None) if len(variants) > 1 else None
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("persona:N", title=None, sort=None, axis=alt.Axis(labelLimit=150)),
        yOffset=alt.YOffset("variant:N"),
        color=alt.Color("variant:N", legend=legend, scale=alt.Scale(domain=variants, range=_colours(len(variants)))),
    )
    rate = alt.X("rate:Q", title="Click rate, with 95% CI", axis=alt.Axis(format=".0%", tickCount=5))
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=rate)
    return _svg((spans + dots).properties(width=WIDTH, height=alt.Step(20)))


def _colours(number: int) -> list[str]:
    return list(itertools.islice(itertools.cycle(COLOURS), number))


def forest(comparison: Comparison) -> str:
    """Return an SVG of each persona's difference in points with its interval; "" where nobody is compared."""
    import altair as alt  # noqa: PLC0415

    points = [
        {
            "persona": "Everyone" if persona.persona == EVERYONE else persona.persona,
            "difference": 100 * persona.difference,
            "low": 100 * persona.interval.low,
            "high": 100 * persona.interval.high,
            "kind": {"more": "more", "less": "less"}.get(persona.verdict, "not significant"),
        }
        for persona in (comparison.everyone, *comparison.personas)
        if persona.verdict != "nobody"
    ]
    if not points:
        return ""
    kinds = alt.Scale(domain=["more", "less", "not significant"], range=[COLOURS[2], "#9b1c1c", SOFT])
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("persona:N", title=None, sort=None, axis=alt.Axis(labelLimit=150)),
        color=alt.Color("kind:N", scale=kinds, legend=None),
    )
    shape = alt.Shape(
        "kind:N",
        legend=None,
        scale=alt.Scale(
            domain=["more", "less", "not significant"], range=["triangle-right", "triangle-left", "circle"]
        ),
    )
    title = "Difference in pp, with 95% CI"
    zero = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="x:Q")
    spans = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(x="difference:Q", shape=shape)
    return _svg((zero + spans + dots).properties(width=WIDTH, height=alt.Step(28)))


def hours(opens: Sequence[int], clicks: Sequence[int]) -> str:
    """Return an SVG of opens and clicks by local hour of the day, 24 numbers each; "" where nothing happened."""
    import altair as alt  # noqa: PLC0415

    if not any(opens) and not any(clicks):
        return ""
    points = [
        {"hour": name, "kind": kind, "n": n}
        for kind, counts in (("opens", opens), ("clicks", clicks))
        for name, n in zip(HOUR_NAMES, counts, strict=True)
    ]
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_bar()
        .encode(
            x=alt.X(
                "hour:N", title="Hour of the day (local time)", axis=alt.Axis(values=HOUR_NAMES[::6], labelAngle=0)
            ),
            y=alt.Y("n:Q", title=None, axis=alt.Axis(tickCount=3, format="d", tickMinStep=1)),
            color=alt.Color(
                "kind:N",
                legend=alt.Legend(orient="top", title=None),
                scale=alt.Scale(domain=["opens", "clicks"], range=["#8fb0ea", SECOND]),
            ),
        )
    )
    return _svg(chart.properties(width=250, height=90))


def history_chart(points: Sequence[tuple[str, float, float, float]]) -> str:
    """Return an SVG of one persona's click rate per campaign: label, rate and its interval, in time; "" below two."""
    import altair as alt  # noqa: PLC0415

    if len(points) < 2:  # noqa: PLR2004 - one point is no course
        return ""
    rows = [{"at": at, "rate": rate, "low": low, "high": high} for at, rate, low, high in points]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("at:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40, labelLimit=90))
    )
    rate = alt.Y("rate:Q", title=None, axis=alt.Axis(format=".0%", tickCount=3))
    spans = base.mark_rule(color=MARK, strokeWidth=2).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    line = base.mark_line(color=MARK, point=alt.OverlayMarkDef(filled=True, size=60, color=MARK)).encode(y=rate)
    return _svg((spans + line).properties(width=250, height=90))


def shares(points: Sequence[tuple[str, int, float]]) -> str:
    """Return an SVG of the personas' shares: name, people, share; "" without any."""
    import altair as alt  # noqa: PLC0415

    if not points:
        return ""
    rows = [{"persona": name, "share": share, "told": f"{share:.0%}"} for name, _, share in points]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("persona:N", title=None, sort=None, axis=alt.Axis(labelLimit=150)),
        x=alt.X("share:Q", title="Share of all people", axis=alt.Axis(format=".0%", tickCount=4)),
    )
    text = base.mark_text(align="left", dx=4, color=INK, fontSize=LETTERS).encode(text="told:N")
    return _svg((base.mark_bar(color=MARK) + text).properties(width=WIDTH - 40, height=alt.Step(26)))


def _svg(chart: Any) -> str:
    """Draw; ids are made the drawing's own, since a page holds many."""
    import vl_convert  # noqa: PLC0415

    config = {
        "background": "transparent",
        "font": "system-ui, Segoe UI, Roboto, sans-serif",
        # letters may be wider where the page is read than where it was drawn
        "padding": {"left": 24, "right": 12, "top": 2, "bottom": 2},
        "view": {"stroke": None},
        "axis": {
            **dict.fromkeys(("labelFontSize", "titleFontSize"), LETTERS),
            **dict.fromkeys(("gridColor", "domainColor", "tickColor"), GRID),
            "titleFontWeight": "normal",
            "labelColor": INK,
            "titleColor": SOFT,
        },
        "legend": {"labelFontSize": LETTERS, "labelColor": INK},
    }
    # a control character in a name is none that XML can hold: vl-convert ends the whole process at one
    drawn: str = vl_convert.vegalite_to_svg(_drawable({**chart.to_dict(), "config": config}))
    mine = f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}-"
    drawn = re.sub(r'\bid="', f'id="{mine}', drawn)
    drawn = re.sub(r"url\(#", f"url(#{mine}", drawn)
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _drawable(part: Any) -> Any:
    """Return a part of a chart's description with every text spelled out as `visible` does."""
    if isinstance(part, dict):
        return {_drawable(key): _drawable(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_drawable(value) for value in part]
    return visible(part).replace("\t", " ") if isinstance(part, str) else part
