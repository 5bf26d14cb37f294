"""A power cut after any durable operation leaves what recovery turns into before or after.

The operations of one run are replayed on a model disk, which loses what was not synced in each of four
ways; what is left is written to a folder, and the machine "starts again" there.
"""

from __future__ import annotations

import pytest

from tests.crash.disk import Loss, ModelDisk, StoredFile, Tree
from tests.crash.operations import Kind, Operation, disorder
from tests.crash.standing import Harness
from tests.integration.test_crash_every_step import SCENARIOS, points_of

#: Scenario → which of its points are tried here, if not every second one; `make crash` tries all.
PARTS = {"publish": "1/1", "repair": "1/1", "resume": "1/4", "stop and resume": "2/4"}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_power_cut_after_any_operation_leaves_nothing_wrong(crash: Harness, scenario: str) -> None:
    part = PARTS.get(scenario, "1/2")
    code, output = crash("--stand-in", "--power", "--scenario", scenario, "--slice", part)
    points, clean = points_of(output)
    assert (code, clean) == (0, points), output
    assert points >= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (
            "bytes-not-synced",
            [
                "its bytes are not durable",
                "damaged in the vault",
                "the source is gone, and no settled record has a whole copy of it",
            ],
        ),
        (
            "names-not-synced",
            ["is not durable", "published are {}, and the record names"],
        ),
        ("source-removed-first", ["unlink inbox/recording.mp4: before rename", "the source is gone"]),
    ],
)
def test_a_step_that_is_left_out_is_found(crash: Harness, fault: str, found: list[str]) -> None:
    code, output = crash(
        "--stand-in", "--power", "--scenario", "delete source", "--slice", "1/3", "--fault", fault
    )
    assert code == 1
    assert [words for words in found if words not in output] == []


# -------------------------------------------------------------------------------- the model disk

_FOLDERS: Tree = {"data": None, "inbox": None}


def _disk(*operations: Operation) -> ModelDisk:
    disk = ModelDisk.holding(_FOLDERS)
    for operation in operations:
        disk.apply(operation)
    return disk


def _files(disk: ModelDisk, loss: Loss) -> dict[str, bytes]:
    return {path: file.content for path, file in disk.after_cut(loss).items() if file is not None}


_MADE = Operation(Kind.OPEN, "data/a")
_WRITTEN = Operation(Kind.FSYNC, "data/a", content=b"bytes")
_NAMED = Operation(Kind.FSYNC_FOLDER, "data")


@pytest.mark.parametrize(
    ("operations", "loss", "left"),
    [
        ([_MADE], Loss.ALL, {}),
        ([_MADE], Loss.CONTENTS, {"data/a": b""}),
        ([_MADE, _WRITTEN], Loss.ALL, {}),
        ([_MADE, _WRITTEN, _NAMED], Loss.ALL, {"data/a": b"bytes"}),
        ([_MADE, _NAMED], Loss.ALL, {"data/a": b""}),
        ([_MADE, _NAMED], Loss.FILES, {}),
        ([_MADE, _WRITTEN], Loss.INBOX, {"data/a": b"bytes"}),
    ],
)
def test_bytes_last_from_their_sync_and_names_from_that_of_their_folder(
    operations: list[Operation], loss: Loss, left: dict[str, bytes]
) -> None:
    assert _files(_disk(*operations), loss) == left


def test_a_removed_name_comes_back_unless_its_folder_was_synced() -> None:
    removed = _disk(_MADE, _WRITTEN, _NAMED, Operation(Kind.UNLINK, "data/a"))
    assert _files(removed, Loss.ALL) == {"data/a": b"bytes"}
    assert _files(removed, Loss.CONTENTS) == {}
    removed.apply(_NAMED)
    assert _files(removed, Loss.ALL) == {}


def test_a_file_moved_between_folders_has_both_names_until_both_are_synced() -> None:
    moved = _disk(_MADE, _WRITTEN, _NAMED, Operation(Kind.RENAME, "data/a", "inbox/b"))
    assert _files(moved, Loss.ALL) == {"data/a": b"bytes"}
    moved.apply(Operation(Kind.FSYNC_FOLDER, "inbox"))
    assert _files(moved, Loss.ALL) == {"data/a": b"bytes", "inbox/b": b"bytes"}
    moved.apply(_NAMED)
    assert _files(moved, Loss.ALL) == {"inbox/b": b"bytes"}


def test_what_lies_in_a_folder_without_a_durable_name_is_lost() -> None:
    disk = _disk(
        Operation(Kind.MKDIR, "data/tmp"),
        Operation(Kind.OPEN, "data/tmp/a"),
        Operation(Kind.FSYNC, "data/tmp/a", content=b"bytes"),
        Operation(Kind.FSYNC_FOLDER, "data/tmp"),
    )
    assert _files(disk, Loss.ALL) == {}
    disk.apply(_NAMED)
    assert _files(disk, Loss.ALL) == {"data/tmp/a": b"bytes"}


def test_the_owner_of_a_lock_is_lost_with_what_was_not_synced() -> None:
    lock = _disk(
        Operation(Kind.OPEN, "inbox/a.lock"),
        Operation(Kind.ATTRIBUTE, "inbox/a.lock", content=b"owner"),
        Operation(Kind.FSYNC_FOLDER, "inbox"),
    )
    assert lock.after_cut(Loss.CONTENTS)["inbox/a.lock"] == StoredFile(b"", b"owner")
    assert lock.after_cut(Loss.ALL)["inbox/a.lock"] == StoredFile(b"")


def test_an_operation_that_failed_changes_nothing() -> None:
    disk = _disk(Operation(Kind.MKDIR, "data", failed=True), Operation(Kind.UNLINK, "data/a", failed=True))
    assert disk.after_cut(Loss.CONTENTS) == _FOLDERS


# ------------------------------------------------------------------------------------ the order

_STORE = [
    Operation(Kind.OPEN, "data/tmp/a"),
    Operation(Kind.WRITE, "data/tmp/a"),
    Operation(Kind.FSYNC, "data/tmp/a"),
    Operation(Kind.LINK, "data/tmp/a", "data/vault/a"),
    Operation(Kind.FSYNC_FOLDER, "data/vault"),
    Operation(Kind.COMMIT),
    Operation(Kind.UNLINK, "inbox/a"),
]


def test_bytes_then_names_then_the_row_then_the_source_is_order() -> None:
    assert disorder(_STORE) == []


@pytest.mark.parametrize("missing", [2, 4, 5])
def test_a_step_left_out_is_disorder(missing: int) -> None:
    assert len(disorder(_STORE[:missing] + _STORE[missing + 1 :])) == 1


def test_a_write_after_the_sync_is_disorder() -> None:
    assert disorder([*_STORE[:3], _STORE[1], *_STORE[3:]])


def test_a_source_removed_before_the_last_name_in_the_store_is_disorder() -> None:
    assert disorder([_STORE[-1], *_STORE[:-1]])
