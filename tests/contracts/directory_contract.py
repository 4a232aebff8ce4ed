"""The contract of directories as a test suite: subclass ``DirectoryContract`` and say how to make one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from mainspring.core.access import KEY_ENTROPY, ApiKey, Project, new_key, revoked, rotated
from mainspring.core.directory import Directory
from mainspring.core.errors import Conflict, NotFound

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
PROJECT = Project(name="shop", created_at=NOW, webhook_secrets=("whsec_a", "whsec_b"), mergent_secret="é", strict=True)


def key(number: int = 0, project: str = "shop") -> ApiKey:
    """A key of its own, made ``number`` seconds after ``NOW``."""
    entropy = number.to_bytes(8, "big") + bytes(KEY_ENTROPY - 8)
    made = new_key(project=project, scope="read", at=NOW + timedelta(seconds=number), entropy=entropy, label="who")
    return made[1]


class DirectoryContract:
    """The whole contract. ``make_directory`` gives an empty one, on this machine's clock."""

    def make_directory(self) -> Iterator[Directory]:
        """Make an empty directory of the kind under test, and close it."""
        raise NotImplementedError

    @pytest.fixture
    def directory(self) -> Iterator[Directory]:
        """An empty directory."""
        yield from self.make_directory()

    def test_a_project_comes_back_as_it_went_in(self, directory: Directory) -> None:
        """With its secrets: deliveries are signed with them."""
        directory.add_project(PROJECT)
        directory.add_project(evolve(PROJECT, name="a"))
        assert directory.get_project("shop") == PROJECT
        assert [project.name for project in directory.projects()] == ["a", "shop"]

    def test_a_project_is_added_once(self, directory: Directory) -> None:
        """A second one of the name is refused, and changes nothing."""
        directory.add_project(PROJECT)
        with pytest.raises(Conflict, match="project shop: it exists already"):
            directory.add_project(Project(name="shop", created_at=NOW))
        assert directory.get_project("shop") == PROJECT

    def test_what_is_not_there_is_not_found(self, directory: Directory) -> None:
        """Projects and keys, read or changed; a key needs its project."""
        for act in (
            lambda: directory.get_project("shop"),
            lambda: directory.update_project("shop", lambda project, at: project),
            lambda: directory.get_key("0"),
            lambda: directory.update_key("0", revoked),
            lambda: directory.add_key(key()),
        ):
            with pytest.raises(NotFound):
                act()
        assert directory.projects() == directory.keys() == ()

    def test_a_step_changes_a_project(self, directory: Directory) -> None:
        """It is given what is kept, and the directory's instant; what it gives is kept."""
        directory.add_project(PROJECT)
        seen: list[datetime] = []

        def step(project: Project, at: datetime) -> Project:
            seen.append(at)
            return rotated(project, "whsec_c")

        after = directory.update_project("shop", step)
        assert after == rotated(PROJECT, "whsec_c") == directory.get_project("shop")
        assert abs(seen[0] - datetime.now(UTC)) < timedelta(minutes=1)

    def test_an_error_of_a_step_is_passed_on_and_nothing_is_written(self, directory: Directory) -> None:
        """The step decides."""
        directory.add_project(PROJECT)

        def step(project: Project, at: datetime) -> Project:
            raise Conflict("it", "must not be", "leave it")

        with pytest.raises(Conflict, match="must not be"):
            directory.update_project("shop", step)
        assert directory.get_project("shop") == PROJECT

    def test_keys_come_back_oldest_first(self, directory: Directory) -> None:
        """Those of one project, or all; those that have ended too."""
        directory.add_project(PROJECT)
        directory.add_project(Project(name="other", created_at=NOW))
        first, second, foreign = key(1), key(2), key(3, "other")
        for one in (second, first, foreign):
            directory.add_key(one)
        ended = directory.update_key(first.id, revoked)
        assert ended.revoked_at is not None
        assert directory.keys("shop") == (ended, second)
        assert directory.keys() == (ended, second, foreign)
        assert directory.get_key(first.id) == ended

    def test_a_key_is_added_once(self, directory: Directory) -> None:
        """Two keys never share an id."""
        directory.add_project(PROJECT)
        directory.add_key(key(1))
        with pytest.raises(Conflict, match="it exists already"):
            directory.add_key(evolve(key(1), scope="admin"))
        assert directory.get_key(key(1).id).scope == "read"

    def test_changes_from_many_threads_are_all_kept(self, directory: Directory) -> None:
        """A step sees what the one before wrote."""
        directory.add_project(PROJECT)

        def work(_: int) -> None:
            directory.update_project("shop", lambda project, at: evolve(project, version=project.version + 1))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(40)))
        assert directory.get_project("shop").version == PROJECT.version + 40
