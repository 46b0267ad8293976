"""Numbers as people write them."""

import pytest

from models import numbers


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("100200", "100200"),
        ("10 234 567", "10234567"),
        ("10\u00a0234\u202f567", "10234567"),
        ("00100200", "100200"),
        ("100-200", "100200"),
        ("１００２００", "100200"),
        ("100\u200b200", "100200"),
        ("", None),
        ("0000", None),
        ("12a34", None),
        ("٣٤٥٦", None),
        ("1" * 21, None),
    ],
)
def test_customer_number(typed: str, number: str | None) -> None:
    assert numbers.customer_number(typed) == number


@pytest.mark.parametrize(
    ("typed", "suffix"),
    [
        ("3378", "3378"),
        (" 33 78 ", "3378"),
        ("442101-3378", "3378"),
        ("4421013378", "3378"),
        ("164421013378", "3378"),
        ("SE442101337801", "3378"),
        ("se 442101-3378 01", "3378"),
        ("12a34", None),
        ("337", None),
        ("33789", None),
        ("SE4421013378", None),
        ("٣٤٥٦", None),
        ("", None),
    ],
)
def test_organisation_suffix(typed: str, suffix: str | None) -> None:
    assert numbers.organisation_suffix(typed) == suffix


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("442101-3378", "4421013378"),
        ("164421013378", "4421013378"),
        ("194001019803", "4001019803"),
        ("442101-3379", None),
        ("44210133", None),
    ],
)
def test_organisation_number_needs_its_check_digit(typed: str, number: str | None) -> None:
    assert numbers.organisation_number(typed) == number


def test_a_month_in_the_third_place_makes_it_personal() -> None:
    assert numbers.is_personal("4001019803")
    assert not numbers.is_personal("4421013378")
