"""Signatures: the published vectors, rotation, and the edges of the window (F22)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.webhooks import NotVerified, new_secret, sign_mergent, sign_standard, verify

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": ID, "webhook-timestamp": str(SENT), "webhook-signature": SIGNATURE}


def later(seconds: float) -> datetime:
    return datetime.fromtimestamp(SENT, UTC) + timedelta(seconds=seconds)


def test_the_vector_of_standard_webhooks() -> None:
    """The specification's own example, with the secret in both its spellings."""
    assert sign_standard(SECRET, ID, SENT, BODY) == SIGNATURE
    assert sign_standard("whsec_" + SECRET, ID, SENT, BODY) == SIGNATURE


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        ("foo", "QjZpKdTK/iwkUWiz3seoPbJHA0I="),
        ("", "KT7FsM8VSFUliCTsf6xdxj0XaRU="),
        ("é", "J/kTpLWuiVoqqnKvdlhTzRNE1Ro="),
    ],
)
def test_the_vectors_of_mergents_clients(body: str, signature: str) -> None:
    """What Mergent's own client tests expect for the key 12345."""
    assert sign_mergent("12345", body.encode()) == signature
    headers = {"x-mergent-signature": signature, "X-Mergent-Task": "t"}
    delivery = verify(body.encode(), headers, "12345", scheme="mergent")
    assert (delivery.id, delivery.sent_at, delivery.attempt) == ("t", None, None)


def test_a_good_delivery_is_told_apart() -> None:
    """A verified delivery gives its id, its instant and its attempt; headers may be in any case."""
    headers = {name.title(): value for name, value in HEADERS.items()} | {"Mainspring-Attempt": "3"}
    delivery = verify(BODY, headers, SECRET, now=lambda: later(10))
    assert (delivery.id, delivery.sent_at, delivery.attempt) == (ID, later(0), 3)


@pytest.mark.parametrize("secrets", [[SECRET, OTHER], [OTHER, SECRET], [OTHER]])
def test_rotation_on_both_sides(secrets: list[str]) -> None:
    """Two live secrets on either side: whoever shares one with the sender verifies."""
    both = " ".join(sign_standard(secret, ID, SENT, BODY) for secret in (SECRET, OTHER))
    assert verify(BODY, HEADERS | {"webhook-signature": both}, secrets, now=lambda: later(0)).id == ID


@pytest.mark.parametrize(
    ("seconds", "good"), [(300, True), (300.001, False), (-300, True), (-300.001, False), (0, True)]
)
def test_the_window_has_sharp_edges(seconds: float, good: bool) -> None:
    """Five minutes either way are good, a millisecond more is not."""
    if good:
        verify(BODY, HEADERS, SECRET, now=lambda: later(seconds))
        return
    with pytest.raises(NotVerified, match="webhook-timestamp is"):
        verify(BODY, HEADERS, SECRET, now=lambda: later(seconds))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": ""}, "webhook-id is missing"),
        ({"webhook-timestamp": ""}, "webhook-timestamp is missing"),
        ({"webhook-signature": " "}, "webhook-signature is missing"),
        ({"webhook-timestamp": "soon"}, "no number of seconds"),
        ({"webhook-timestamp": "-1"}, "no number of seconds"),
        ({"webhook-timestamp": "1e9"}, "no number of seconds"),
        ({"webhook-timestamp": "9" * 5_000}, "no number of seconds"),
        ({"webhook-timestamp": "٣"}, "no number of seconds"),
        ({"webhook-timestamp": str(SENT + 1)}, "no signature matches"),
        ({"webhook-id": "msg_other"}, "no signature matches"),
        ({"webhook-signature": "v1," + "A" * 43 + "="}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v1a,")}, "no signature matches"),
        ({"webhook-signature": SIGNATURE.removeprefix("v1,")}, "no signature matches"),
        ({"webhook-signature": "ü€"}, "no signature matches"),
        ({"webhook-signature": "v1,x " * 16 + SIGNATURE}, "no signature matches"),
    ],
)
def test_what_is_not_verified_says_why(change: dict[str, str], reason: str) -> None:
    """Each fault has its reason, and none shows a secret or the right signature."""
    with pytest.raises(NotVerified, match=reason) as caught:
        verify(BODY, HEADERS | change, SECRET, now=lambda: later(0))
    assert SECRET not in str(caught.value)
    assert SIGNATURE not in str(caught.value)


def test_signatures_of_other_versions_are_passed_over() -> None:
    """A sender may add signatures of a later version: the one that is known counts."""
    verify(BODY, HEADERS | {"webhook-signature": f"v2,xyz {SIGNATURE}"}, SECRET, now=lambda: later(0))


@given(st.binary(max_size=100), st.integers(0, 99), st.integers(1, 255))
def test_any_changed_byte_is_noticed(body: bytes, place: int, flip: int) -> None:
    """A body that differs in one byte is not verified, in either scheme."""
    body += b"!"
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    headers = HEADERS | {"webhook-signature": sign_standard(SECRET, ID, SENT, body)}
    verify(body, headers, SECRET, now=lambda: later(0))
    with pytest.raises(NotVerified):
        verify(bytes(changed), headers, SECRET, now=lambda: later(0))
    with pytest.raises(NotVerified):
        verify(bytes(changed), {"X-Mergent-Signature": sign_mergent("k", body)}, "k", scheme="mergent")


@pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "c2hvcnQ=", base64.b64encode(bytes(65)).decode()])
def test_bad_secrets_are_refused_without_showing_them(secret: str) -> None:
    """A secret that cannot be one is the receiver's own fault: InvalidInput, not a failed verification."""
    with pytest.raises(InvalidInput) as caught:
        verify(BODY, HEADERS, secret, now=lambda: later(0))
    assert len(secret) < 8 or secret not in str(caught.value)


def test_no_secret_is_no_verification() -> None:
    """Neither an empty list nor an empty key lets anything through."""
    with pytest.raises(InvalidInput):
        verify(BODY, HEADERS, [])
    with pytest.raises(InvalidInput):
        verify(BODY, {"X-Mergent-Signature": "x"}, "", scheme="mergent")
    with pytest.raises(NotVerified):
        verify(BODY, HEADERS, SECRET)  # by this machine's clock it was years ago


def test_new_secrets_are_fit_for_use() -> None:
    """Made secrets are 32 random bytes in the standard's form."""
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert secret != new_secret()
    assert sign_standard(secret, "a", 1, b"").startswith("v1,")
