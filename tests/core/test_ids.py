"""UUIDv7 from given time and entropy, checked against RFC 9562 and the standard library's parser."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import ENTROPY_BYTES, is_uuid, uuid7
from mainspring.core.instants import EPOCH
from support.builders import NOW

INSTANTS = st.datetimes(EPOCH.replace(tzinfo=None), timezones=st.just(UTC))
ENTROPY = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(INSTANTS, ENTROPY)
def test_the_layout_is_that_of_the_rfc(at: datetime, entropy: bytes) -> None:
    """RFC 9562 §5.7: 48 bits of milliseconds, version 7, 12 bits, variant 10, 62 bits."""
    parsed = uuid.UUID(uuid7(at, entropy))
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == (at - EPOCH) // timedelta(milliseconds=1)
    assert parsed.int & (1 << 62) - 1 == int.from_bytes(entropy, "big") & (1 << 62) - 1


@given(INSTANTS, ENTROPY)
def test_the_fraction_of_the_millisecond_is_kept(at: datetime, entropy: bytes) -> None:
    """RFC 9562 §6.2, method 3: the 12 bits after the version are the fraction in 4096ths."""
    fraction = uuid.UUID(uuid7(at, entropy)).int >> 64 & 0xFFF
    assert fraction == at.microsecond % 1000 * 4096 // 1000


@given(INSTANTS, INSTANTS, ENTROPY, ENTROPY)
def test_ids_sort_by_time(one: datetime, other: datetime, first: bytes, second: bytes) -> None:
    """Whatever the entropy, an id of a later microsecond is greater, as text too."""
    if one != other:
        assert (uuid7(one, first) < uuid7(other, second)) == (one < other)


@given(INSTANTS, ENTROPY)
def test_the_text_is_canonical(at: datetime, entropy: bytes) -> None:
    """Lower case, 8-4-4-4-12, and recognised as such."""
    text = uuid7(at, entropy)
    assert text == str(uuid.UUID(text))
    assert is_uuid(text)


def test_the_rfcs_own_vector() -> None:
    """RFC 9562 appendix A.6, with the random bits of the vector where we take entropy."""
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    text = uuid7(at, bytes.fromhex("18C4DC0C0C07398F"))
    assert text == "017f22e2-79b0-7000-98c4-dc0c0c07398f"


def test_other_entropy_gives_another_id() -> None:
    """Ids of one instant differ by their entropy, and only by it."""
    assert uuid7(NOW, b"12345678") != uuid7(NOW, b"12345679")
    assert uuid7(NOW, b"12345678") == uuid7(NOW, b"12345678")


@pytest.mark.parametrize("length", [0, 7, 9, 16])
def test_entropy_has_one_length(length: int) -> None:
    """Too little entropy would collide; too much would be thrown away unseen."""
    with pytest.raises(InvalidInput) as refused:
        uuid7(NOW, bytes(length))
    assert str(refused.value) == f"entropy: {length} bytes; give 8 bytes"


def test_no_id_before_the_epoch() -> None:
    """UUIDv7 cannot say an instant before 1970; the epoch itself it can."""
    assert uuid7(EPOCH, bytes(8)) == "00000000-0000-7000-8000-000000000000"
    with pytest.raises(InvalidInput) as refused:
        uuid7(EPOCH - timedelta(microseconds=1), bytes(8))
    assert str(refused.value) == ("at: 1969-12-31T23:59:59.999999+00:00 is before 1970; use an instant of the Unix era")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "018f0000-0000-7000-8000-00000000000",
        "018f0000-0000-7000-8000-0000000000000",
        "018F0000-0000-7000-8000-000000000000",
        "018f0000000070008000000000000000",
        "{018f0000-0000-7000-8000-000000000000}",
        "018f0000-0000-7000-8000-000000000000\n",
        "g18f0000-0000-7000-8000-000000000000",
        "٠18f0000-0000-7000-8000-000000000000",
    ],
)
def test_only_the_canonical_form_is_a_uuid(text: str) -> None:
    """One id has one spelling: no upper case, no braces, no other digits."""
    assert not is_uuid(text)


def test_a_uuid_of_any_version_is_one() -> None:
    """Ids that other systems made are accepted."""
    assert is_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
