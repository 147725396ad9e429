"""Crosstabs: letters, bases and effect sizes against counts by hand, scipy and statsmodels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import chi2_contingency, fisher_exact
from scipy.stats.contingency import association
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.proportion import proportions_ztest

from segmenter.stats.pairwise import Correction
from segmenter.surveys.crosstab import Crosstab, CrosstabOptions, letter_of, make_crosstab
from segmenter.surveys.questions import Banner, Question

GROUPS = ("north", "south", "west")


def yes_no(counts: list[tuple[int, int]]) -> tuple[Question, Banner]:
    """A question and a region, from (yes, people) of each region."""
    codes = np.concatenate([[1] * yes + [0] * (people - yes) for yes, people in counts]).astype(np.int64)
    regions = np.repeat(np.arange(len(counts)), [people for _, people in counts])
    return Question("buys", "", codes, ("no", "yes")), Banner("region", GROUPS[: len(counts)], regions)


def made(counts: list[tuple[int, int]], correction: Correction = "none", weights: np.ndarray | None = None) -> Crosstab:
    question, banner = yes_no(counts)
    own = np.ones(len(banner.codes)) if weights is None else weights
    return make_crosstab([question], [banner], own, CrosstabOptions(correction))


def letters(crosstab: Crosstab, row: int = 1) -> list[str]:
    return [cell.letters for cell in crosstab.tables[0].rows[row].cells]


COUNTS = [(60, 100), (45, 100), (30, 120)]


@pytest.mark.parametrize("correction", ["none", "holm"])
def test_letters_are_those_of_corrected_z_tests(correction: Correction) -> None:
    pairs = list(combinations(range(3), 2))
    p = [proportions_ztest([COUNTS[i][0], COUNTS[j][0]], [COUNTS[i][1], COUNTS[j][1]])[1] for i, j in pairs]
    expected = p if correction == "none" else multipletests(p, method="holm")[1]

    crosstab = made(COUNTS, correction)

    tests = [test for test in crosstab.tables[0].tests if test.row == "yes"]
    assert [test.comparison.p for test in tests] == pytest.approx(p)
    assert [test.corrected for test in tests] == pytest.approx(expected)
    assert letters(crosstab) == ["", "B C", "C", ""]
    assert [cell.value for cell in crosstab.tables[0].rows[1].cells] == pytest.approx([135 / 320, 0.6, 0.45, 0.25])


def test_a_difference_at_ninety_percent_has_a_small_letter_that_a_correction_takes() -> None:
    counts = [(60, 100), (48, 100), (54, 100)]  # p of the first two: .089

    assert letters(made(counts)) == ["", "b", "", ""]
    assert letters(made(counts, "bonferroni")) == ["", "", "", ""]


def test_chi_squared_and_cramers_v_are_those_of_scipy() -> None:
    table = [[yes, people - yes] for yes, people in COUNTS]
    expected = chi2_contingency(table, correction=False)

    (found,) = made(COUNTS).tables[0].associations

    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.effect == pytest.approx(association(np.array(table), method="cramer"))
    assert (found.size, found.thin) == ("small", False)


def test_doubling_everybody_by_weight_changes_no_test() -> None:
    plain, doubled = made(COUNTS), made(COUNTS, weights=np.full(320, 2.0))

    assert [t.comparison for t in doubled.tables[0].tests] == [t.comparison for t in plain.tables[0].tests]
    assert (doubled.bases[1].weighted, doubled.bases[1].effective) == (200.0, 100.0)


def test_weights_shift_shares_and_make_the_base_smaller() -> None:
    counts = [(60, 100), (40, 100)]
    question, banner = yes_no(counts)
    weights = np.where(question.codes == 1, 3.0, 1.0)
    crosstab = make_crosstab([question], [banner], weights, CrosstabOptions("none"))
    share, other = 180 / 220, 120 / 180
    n, m = 220**2 / (60 * 9 + 40), 180**2 / (40 * 9 + 60)
    z = proportions_ztest([share * n, other * m], [n, m])

    test = next(test for test in crosstab.tables[0].tests if test.row == "yes")

    assert [cell.value for cell in crosstab.tables[0].rows[1].cells] == pytest.approx([300 / 400, share, other])
    assert [base.effective for base in crosstab.bases[1:]] == pytest.approx([n, m])
    assert (test.comparison.statistic, test.comparison.p) == pytest.approx(z)


def test_respondents_of_weight_zero_count_nowhere() -> None:
    counts = [(60, 100), (45, 100)]
    question, banner = yes_no(counts)
    more = Question("buys", "", np.append(question.codes, [1, 1]), question.answers)
    regions = Banner("region", banner.groups, np.append(banner.codes, [1, 1]))
    weights = np.append(np.ones(200), [0.0, 0.0])

    assert make_crosstab([more], [regions], weights, CrosstabOptions()).tables == made(counts, "holm").tables


def test_a_small_base_is_not_tested_and_says_so() -> None:
    crosstab = made([(60, 100), (29, 29), (45, 100)])

    reasons = {test.columns: test.reason for test in crosstab.tables[0].tests if test.row == "yes"}
    assert reasons == {("A", "B"): "small base", ("A", "C"): "", ("B", "C"): "small base"}
    assert letters(crosstab) == ["", "C", "", ""]
    (found,) = crosstab.tables[0].associations
    assert found.statistic == pytest.approx(chi2_contingency([[60, 40], [45, 55]], correction=False).statistic)


def test_perfect_separation_has_a_finding_and_everybody_alike_has_none() -> None:
    apart, alike = made([(40, 40), (0, 40)]), made([(40, 40), (40, 40)])

    assert letters(apart) == ["", "B", ""]
    assert apart.tables[0].associations[0].effect == pytest.approx(1.0)
    assert {test.reason for test in alike.tables[0].tests} == {"all said the same"}
    assert np.isnan(alike.tables[0].associations[0].p)


def test_a_rare_answer_is_tested_exactly_without_weights_and_not_at_all_with_them() -> None:
    counts = [(4, 60), (0, 60)]
    weights = np.tile([1.0, 1.5], 60)

    plain, weighted = made(counts), made(counts, weights=weights)

    assert plain.tables[0].tests[1].comparison.p == pytest.approx(fisher_exact([[4, 56], [0, 60]]).pvalue)
    assert {test.reason for test in weighted.tables[0].tests} == {"fewer than 5 expected"}


def test_means_have_letters_deviations_and_welchs_analysis_of_variance() -> None:
    generator = default_rng(5)
    groups = [generator.normal(mean, spread, 80) for mean, spread in ((3.0, 1.0), (3.9, 1.4), (3.1, 0.8))]
    values = np.concatenate([*groups, [np.nan]])
    question = Question("spend", "", np.full(241, -1), (), values)
    banner = Banner("region", GROUPS, np.append(np.repeat([0, 1, 2], 80), 0))
    expected = anova_oneway(groups, use_var="unequal")

    table = make_crosstab([question], [banner], np.ones(241), CrosstabOptions()).tables[0]

    assert [base.people for base in table.bases] == [240, 80, 80, 80]
    assert table.rows[0].cells[2].letters == "A C"
    assert table.rows[0].deviations[1:] == pytest.approx([group.std(ddof=1) for group in groups])
    assert (table.associations[0].statistic, table.associations[0].p) == pytest.approx(
        (expected.statistic, expected.pvalue)
    )


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_where_groups_do_not_differ_one_row_in_twenty_has_a_capital_at_most(weighted: bool) -> None:  # noqa: FBT001
    generator = default_rng(9)
    rows = capitals = 0
    for _ in range(150):
        codes = generator.integers(0, 2, 400)
        answers = [
            Question("q", "", (generator.random(400) < 0.3).astype(np.int64), ("no", "yes")),
            Question("n", "", np.full(400, -1), (), generator.normal(size=400)),
        ]
        weights = generator.lognormal(0, 0.6, 400) if weighted else np.ones(400)
        banner = Banner("region", ("a", "b", "c", "d"), codes + 2 * generator.integers(0, 2, 400))
        for table in make_crosstab(answers, [banner], weights, CrosstabOptions()).tables:
            rows += 1
            capitals += any(any(letter.isupper() for letter in cell.letters) for cell in table.rows[-1].cells)

    assert rows == 300
    assert 0.005 < capitals / rows < 0.08  # at most .05 is expected: .04 or so, and three standard errors


def test_answers_that_count_together_are_summed() -> None:
    codes = np.array([0, 1, 2, 3, 4, 4, -1])
    question = Question("likes", "", codes, ("1", "2", "3", "4", "5"), None, (("Top 2", (3, 4)),))

    table = make_crosstab([question], [], np.ones(7), CrosstabOptions()).tables[0]

    assert table.rows[-1].label == "Top 2"
    assert table.rows[-1].cells[0].value == pytest.approx(0.5)
    assert table.bases[0].people == 6


def test_columns_beyond_z_have_two_letters() -> None:
    assert [letter_of(place) for place in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
