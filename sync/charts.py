"""Charts of the report: Altair, drawn to SVG on this machine, so that the page needs no network."""

from __future__ import annotations

from segmenter.lift import wilson
from sync.report import CLICKED, CampaignResult, everyone


def click_chart(result: CampaignResult) -> str:
    """Return an SVG of the share of people who clicked, per persona and variant, with intervals; "" without data."""
    points = []
    for row in [*everyone(result.rows), *result.rows]:
        if row.delivered:
            responses = row.responses(CLICKED)
            interval = wilson(responses)
            points.append(
                {
                    "persona": row.persona,
                    "variant": row.variant or "all",
                    "rate": responses.rate,
                    "low": interval.low,
                    "high": interval.high,
                }
            )
    return _draw(points) if points else ""


def _draw(points: list[dict[str, object]]) -> str:
    import altair as alt  # noqa: PLC0415 - 0.3 s that no other step needs
    import vl_convert  # noqa: PLC0415

    variants = sorted({str(point["variant"]) for point in points})
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("persona:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
        yOffset=alt.YOffset("variant:N"),
        color=alt.Color(
            "variant:N",
            title="Variant",
            legend=alt.Legend() if len(variants) > 1 else None,
            scale=alt.Scale(domain=variants, range=["#2f5bb7", "#b3541e", "#2b7a4b", "#6b4fa0"][: len(variants)]),
        ),
    )
    rate = alt.X("rate:Q", title="Share who clicked, with 95% interval", axis=alt.Axis(format=".0%"))
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=rate)
    chart = (spans + dots).properties(width=520, height=alt.Step(22)).configure_view(stroke=None)
    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg
