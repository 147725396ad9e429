"""The chi-squared distribution without the package of all distributions, which takes half a second to import."""

from __future__ import annotations


def chi_squared_tail(statistic: float, degrees: float) -> float:
    """Return the p value of a chi-squared statistic: the regularized upper incomplete gamma function.

    Args:
        statistic: 0 or more.
        degrees: Degrees of freedom, above 0.

    Returns:
        Chance of a statistic that large or larger.
    """
    from scipy.special import gammaincc  # noqa: PLC0415 - a tenth of a second that most commands need not wait

    return float(gammaincc(degrees / 2, statistic / 2))


def chi_squared_quantile(chance: float, degrees: float) -> float:
    """Return the statistic that is not passed with this chance.

    Args:
        chance: 0 to 1.
        degrees: Degrees of freedom, above 0.
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 - a tenth of a second that most commands need not wait

    return 2 * float(gammaincinv(degrees / 2, chance))
