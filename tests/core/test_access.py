"""Projects and keys: what a key's text is, when it counts, and how far it goes."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from attrs import evolve

from mainspring.core.access import (
    KEY_ENTROPY,
    SEEN_EVERY,
    ApiKey,
    Project,
    Scope,
    allows,
    digest_of,
    governs,
    is_live,
    key_id,
    new_key,
    opens,
    revoked,
    rotated,
    seen,
    taken_over,
)
from mainspring.core.errors import InvalidInput
from mainspring.core.task import is_secret_header
from support.builders import NOW, at

ENTROPY = bytes(range(KEY_ENTROPY))
FOREIGN = "mergent-0123456789abcdef"


def made(scope: Scope = "write", project: str = "shop") -> tuple[str, ApiKey]:
    """A key with known entropy."""
    return new_key(project=project, scope=scope, at=NOW, entropy=ENTROPY)


def test_a_key_has_its_form_and_is_kept_as_a_digest_only() -> None:
    """``ms_``, the public id, 32 random bytes; nothing that is kept, or shown, gives the text back."""
    text, key = made()
    assert text == "ms_0001020304050607_CAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJic"
    assert key.id == "0001020304050607" == key_id(text)
    assert key.digest == sha256(text.encode()).hexdigest()
    assert text[-20:] not in repr(key)
    assert key.digest not in repr(key)
    assert str(key) == "key 0001020304050607"


def test_entropy_of_another_length_is_refused() -> None:
    """A short key would be guessed."""
    with pytest.raises(InvalidInput, match="entropy: 39 bytes; give 40 bytes"):
        new_key(project="shop", scope="read", at=NOW, entropy=ENTROPY[1:])


def test_a_key_opens_to_its_own_text_only() -> None:
    """Another text with the same public id is another key's."""
    text, key = made()
    assert opens(key, text, NOW)
    assert not opens(key, f"{text[:-1]}A", NOW)
    assert not opens(key, "ms_\udcff", NOW)


def test_a_key_counts_until_it_expires_or_is_revoked() -> None:
    """The instant of expiry is outside; a revocation keeps its first instant."""
    text, key = new_key(project="shop", scope="read", at=NOW, entropy=ENTROPY, expires_at=at(60))
    assert is_live(key, at(59))
    assert not is_live(key, at(60))
    ended = revoked(key, at(1))
    assert ended == evolve(key, revoked_at=at(1), version=2)
    assert not opens(ended, text, at(2))
    assert revoked(ended, at(5)) is ended


def test_a_key_that_has_expired_already_is_not_made() -> None:
    """It would only ever be refused."""
    with pytest.raises(InvalidInput, match="expires_at: it is not in the future"):
        new_key(project="shop", scope="read", at=NOW, entropy=ENTROPY, expires_at=NOW)


def test_a_key_from_elsewhere_has_an_id_computed_from_its_text() -> None:
    """So that it is found without the text being kept."""
    key = taken_over(FOREIGN, project="shop", scope="write", at=NOW, label="Mergent's")
    assert key.id == key_id(FOREIGN) == f"x{digest_of(FOREIGN)[:20]}"
    assert opens(key, FOREIGN, NOW)


@pytest.mark.parametrize(
    "text", ["short", "x" * 201, "with:a-colon-in-it-0123", "with a blank in it 0123", "ключ-ключ-ключ-ключ-1"]
)
def test_what_could_not_be_sent_or_could_be_guessed_is_not_taken_over(text: str) -> None:
    """HTTP Basic ends the user at a colon."""
    with pytest.raises(InvalidInput, match="key: it cannot be taken over"):
        taken_over(text, project="shop", scope="write", at=NOW)


@pytest.mark.parametrize(
    ("scope", "allowed"), [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})]
)
def test_a_scope_includes_those_before_it(scope: Scope, allowed: set[str]) -> None:
    """read < write < admin."""
    _, key = made(scope)
    every: tuple[Scope, ...] = ("read", "write", "admin")
    assert {needed for needed in every if allows(key, needed)} == allowed


def test_an_admin_governs_its_own_project_and_that_of_the_default_one_all() -> None:
    """Any other project is not there for it."""
    _, own = made("admin")
    assert governs(own, "shop")
    assert not governs(own, "other")
    assert not governs(made("write")[1], "shop")
    assert governs(made("admin", "default")[1], "shop")


def test_use_is_noted_once_a_minute() -> None:
    """A write at every request would cost more than the request."""
    _, key = made()
    noted = seen(key, NOW)
    assert noted == evolve(key, last_used_at=NOW, version=2)
    assert seen(noted, NOW + SEEN_EVERY - timedelta(microseconds=1)) is noted
    assert seen(noted, NOW + SEEN_EVERY).last_used_at == NOW + SEEN_EVERY


def test_a_new_secret_stands_before_the_last_one_and_ends_those_before() -> None:
    """Two are live while receivers change over; none is ever shown."""
    project = Project(name="shop", created_at=NOW)
    for number, secret in enumerate(["one", "two", "three"], start=2):
        project = rotated(project, secret)
        assert project.version == number
    assert project.webhook_secrets == ("three", "two")
    assert "three" not in repr(project)
    assert str(project) == "project shop"


def test_bounds_of_projects_and_keys() -> None:
    """What is shown in tables stays short and printable; a third live secret is refused."""
    with pytest.raises(InvalidInput, match="label: it is too long or not printable"):
        new_key(project="shop", scope="read", at=NOW, entropy=ENTROPY, label="a\nb")
    with pytest.raises(InvalidInput, match="webhook_secrets: 3 live secrets; use at most 2"):
        Project(name="shop", created_at=NOW, webhook_secrets=("a", "b", "c"))


@pytest.mark.parametrize(
    ("name", "secret"),
    [("Authorization", True), ("cookie", True), ("X-Api-Key", True), ("X-Auth-Token", True), ("X-Shop", False)],
)
def test_the_name_of_a_header_tells_whether_its_value_is_a_secret(name: str, secret: bool) -> None:
    """Such a value is never shown again."""
    assert is_secret_header(name) is secret
