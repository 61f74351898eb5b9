"""Output appears whole or not at all, and nothing is left beside it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backproof._core import files
from backproof._core.errors import OutputError


@contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    return folder


def cannot_exchange(first: Path, second: Path) -> bool:
    return False


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace a folder by the system's atomic exchange, and where there is none."""
    if request.param == "two renames":
        monkeypatch.setattr(files, "_exchange", cannot_exchange)


def test_a_file_holds_the_text_as_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "Müller – δ\n")
    assert (tmp_path / "a.txt").read_bytes() == "Müller – δ\n".encode()


def test_a_file_gets_the_folders_it_lacks(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a" / "b" / "c.txt", "x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_a_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "a long old text")
    files.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_text_that_cannot_be_encoded_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeError):
        files.write_text(tmp_path / "a.txt", "x" * 100_000 + "\ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_in_place_of_a_folder_is_refused(old_folder: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*run: .*; choose another place"):
        files.write_text(old_folder, "x")
    assert names(old_folder) == ["old.txt"]
    assert names(old_folder.parent) == ["run"]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_files_permissions_follow_the_umask(tmp_path: Path, mask: int, expected: int) -> None:
    with umask(mask):
        files.write_text(tmp_path / "a.txt", "x")
    assert mode(tmp_path / "a.txt") == expected


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o755), (0o027, 0o750), (0o002, 0o775)])
def test_a_folders_permissions_follow_the_umask(tmp_path: Path, mask: int, expected: int) -> None:
    with umask(mask), files.replaced_folder(tmp_path / "run"):
        pass
    assert mode(tmp_path / "run") == expected


def test_writing_leaves_the_umask_alone(tmp_path: Path) -> None:
    with umask(0o031):
        files.write_text(tmp_path / "a.txt", "x")
        assert os.umask(0o031) == 0o031


def test_a_new_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "run"
    with files.replaced_folder(target) as folder:
        (folder / "new.txt").write_text("new")
        assert not target.exists()
    assert (target / "new.txt").read_text() == "new"
    assert names(target.parent) == ["run"]


@pytest.mark.usefixtures("way")
def test_an_old_folder_gives_way_whole(old_folder: Path) -> None:
    with files.replaced_folder(old_folder) as folder:
        (folder / "new.txt").write_text("new")
        assert names(old_folder) == ["old.txt"]
    assert names(old_folder) == ["new.txt"]
    assert names(old_folder.parent) == ["run"]


@pytest.mark.usefixtures("way")
def test_an_old_folder_stays_when_the_block_raises(old_folder: Path) -> None:
    def breaks(folder: Path) -> None:
        (folder / "new.txt").write_text("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), files.replaced_folder(old_folder) as folder:
        breaks(folder)
    assert (old_folder / "old.txt").read_text() == "old"
    assert names(old_folder) == ["old.txt"]
    assert names(old_folder.parent) == ["run"]


def test_an_interrupt_leaves_the_old_folder(old_folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.replaced_folder(old_folder):
        raise KeyboardInterrupt
    assert names(old_folder) == ["old.txt"]
    assert names(old_folder.parent) == ["run"]


def test_a_failed_second_rename_puts_the_old_folder_back(
    old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", cannot_exchange)
    rename = Path.rename

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if self.name.startswith(".run.") and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(OutputError, match="No space left"), files.replaced_folder(old_folder):
        pass
    assert names(old_folder) == ["old.txt"]
    assert names(old_folder.parent) == ["run"]


def test_a_killed_process_leaves_the_old_folder_whole(old_folder: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from backproof._core.files import replaced_folder\n"
        "with replaced_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'new.txt').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(old_folder)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert names(old_folder) == ["old.txt"]
    assert (old_folder / "old.txt").read_text() == "old"


def test_a_place_below_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    target = tmp_path / "file" / "run"
    message = r"cannot write .*run: .*; choose another place"
    with pytest.raises(OutputError, match=message), files.replaced_folder(target):
        pytest.fail("the block must not run")
    with pytest.raises(OutputError, match=message):
        files.write_text(target, "x")
    with pytest.raises(OutputError, match=message):
        files.check_writable(target)
    assert (tmp_path / "file").read_text() == "x"


def test_asking_whether_a_place_is_writable_leaves_nothing(old_folder: Path) -> None:
    files.check_writable(old_folder)
    files.check_writable(old_folder.parent / "other")
    assert names(old_folder.parent) == ["run"]
    assert names(old_folder) == ["old.txt"]


def test_a_regular_file_at_the_folders_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    try:
        with files.replaced_folder(tmp_path / "run"):
            pass
    except OutputError:
        assert (tmp_path / "run").read_text() == "x"
    assert names(tmp_path) == ["run"]


def test_a_link_at_the_folders_place_leaves_nothing_behind(old_folder: Path) -> None:
    link = old_folder.parent / "link"
    link.symlink_to(old_folder, target_is_directory=True)
    with files.replaced_folder(link) as folder:
        (folder / "new.txt").write_text("new")
    assert (link / "new.txt").read_text() == "new"
    assert names(old_folder.parent) == ["link", "run"]
