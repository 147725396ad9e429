"""Which mails of an experiment are compared: each arm's own of the same day, if they reached the arms alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from segmenter.lift.mailings import SentMail, mailings

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DEALT = {"old": [(BEGIN, 1000)], "new": [(BEGIN, 1000)]}


def mail(name: str, hours: float, **reached: int) -> SentMail:
    return SentMail(("email", name), name, BEGIN + timedelta(hours=hours), reached)


def compared(mails: list[SentMail], *, in_fields: bool = False) -> list[dict[str, str]]:
    comparable_mailings = mailings(mails, DEALT, in_fields=in_fields)
    return [{arm: mail.name for arm, mail in mailing.mails.items()} for mailing in comparable_mailings.compared]


def test_each_arms_own_mails_of_a_day_are_compared() -> None:
    mails = [mail("a1", 1, old=900), mail("b1", 3, new=905, old=2), mail("a2", 100, old=880), mail("b2", 101, new=870)]

    assert compared(mails) == [{"old": "a1", "new": "b1"}, {"old": "a2", "new": "b2"}]


def test_a_second_mail_of_one_arm_is_compared_with_nothing() -> None:
    comparable_mailings = mailings(
        [mail("a1", 1, old=900), mail("b1", 2, new=905), mail("a2", 3, old=890)], DEALT, in_fields=False
    )

    assert [mailing.name for mailing in comparable_mailings.compared] == ["a1 / b1"]
    assert [mailing.name for mailing in comparable_mailings.alone] == ["a2"]


def test_mails_of_different_days_are_not_compared() -> None:
    assert compared([mail("a1", 1, old=900), mail("b1", 72, new=905)]) == []


def test_one_mail_to_all_says_something_only_where_fields_differ() -> None:
    both = mail("news", 1, old=900, new=905)

    assert compared([both]) == []
    assert compared([both], in_fields=True) == [{"old": "news", "new": "news"}]


def test_a_trial_run_to_a_few_is_no_mail_to_an_arm() -> None:
    assert compared([mail("test", 0.5, old=3), mail("a1", 1, old=900), mail("b1", 2, new=905)]) == [
        {"old": "a1", "new": "b1"}
    ]


def test_what_reached_less_of_one_arm_compares_nothing() -> None:
    comparable_mailings = mailings([mail("a1", 1, old=900), mail("b1", 2, new=700)], DEALT, in_fields=False)

    assert ([mailing.name for mailing in comparable_mailings.unlike], comparable_mailings.compared) == (["a1 / b1"], ())


def test_who_was_dealt_in_later_is_not_missed() -> None:
    later = {"old": [(BEGIN, 500), (BEGIN + timedelta(days=9), 4000)], "new": [(BEGIN, 500)]}
    comparable_mailings = mailings([mail("a1", 1, old=450), mail("b1", 2, new=455)], later, in_fields=False)

    assert len(comparable_mailings.compared) == 1
    assert mailings([], {}, in_fields=True).compared == ()
