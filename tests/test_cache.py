"""The object cache on disk: what it trusts, its limits, concurrent processes, and the command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.cache import directory
from kaleido.cache.directory import DirectoryCache, Unsafe, Usage
from kaleido.cache.place import cache_at
from tests import forked

KEY, OTHER = "a" * 64, "b" * 64
ROOT = Path(__file__).parents[1]
PROGRAM = "def f(x) x * x + 1  def binary ** 50 (a b) a + f(b)  for i = 0, i < 200 in f(i)  f(3) ** 4  sin(1)"
OUTPUT = "27.0\n0.8414709848078965\n"


@pytest.fixture
def cache(tmp_path: Path) -> DirectoryCache:
    return DirectoryCache(str(tmp_path / "cache" / "kaleido"))


def kaleido(folder: Path | str, *arguments: str) -> str:
    environment = {**os.environ, "KALEIDO_CACHE": str(folder)}
    done = forked.run(["-m", "kaleido", *arguments], env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def run(folder: Path | str, *options: str) -> None:
    assert kaleido(folder, "--jit=sync", "--threshold=20", *options, "-c", PROGRAM) == OUTPUT


# Entries


def test_an_entry_comes_back(cache: DirectoryCache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, b"code")
    assert (cache.get(KEY), cache.get(OTHER)) == (b"code", None)
    cache.put(KEY, b"new")
    assert cache.get(KEY) == b"new"
    assert stat.S_IMODE(Path(cache.folder).stat().st_mode) == 0o700
    assert [each.name for each in Path(cache.folder).iterdir()] == [KEY]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_an_entry_is_a_regular_file(cache: DirectoryCache, kind: str) -> None:
    cache.put(OTHER, b"other code")
    path = Path(cache.folder) / KEY
    if kind == "link":
        path.symlink_to(OTHER)
    else:
        (Path.mkdir if kind == "folder" else os.mkfifo)(path)
    assert cache.get(KEY) is None
    cache.put(KEY, b"code")
    # A folder cannot be replaced: no code is kept any more, and nothing fails.
    assert cache.get(KEY) == (None if kind == "folder" else b"code")


def test_an_entry_that_others_may_write_is_missing(cache: DirectoryCache) -> None:
    cache.put(KEY, b"code")
    (Path(cache.folder) / KEY).chmod(0o666)
    assert cache.get(KEY) is None


# The folder


@pytest.mark.parametrize("mode", [0o701, 0o720, 0o755, 0o777])
def test_a_folder_that_others_may_enter_is_not_used(cache: DirectoryCache, mode: int) -> None:
    cache.put(KEY, b"code")
    Path(cache.folder).chmod(mode)
    assert cache.get(KEY) is None
    cache.put(OTHER, b"code")
    assert [each.name for each in Path(cache.folder).iterdir()] == [KEY]
    for use in (cache.usage, cache.clear):
        with pytest.raises(Unsafe, match="0700"):
            use()
    assert "not used: other users may enter the folder" in kaleido(cache.folder, "cache")
    run(cache.folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_another_user_s_folder_is_not_used(cache: DirectoryCache) -> None:
    cache.put(KEY, b"code")
    os.chown(cache.folder, 12345, 12345)
    assert cache.get(KEY) is None
    with pytest.raises(Unsafe, match="another user"):
        cache.usage()


def test_a_symbolic_link_is_not_followed(cache: DirectoryCache, tmp_path: Path) -> None:
    cache.put(KEY, b"code")
    linked = DirectoryCache(str(tmp_path / "link"))
    Path(linked.folder).symlink_to(cache.folder)
    assert linked.get(KEY) is None
    linked.put(OTHER, b"code")
    assert cache.usage() == Usage(1, 4)
    with pytest.raises(Unsafe, match="symbolic link"):
        linked.clear()


def test_without_a_place_for_it_programs_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run(tmp_path / "file")
    run(tmp_path / "file" / "below")
    run("/proc/nowhere")
    assert "not used: Not a directory" in kaleido(tmp_path / "file", "cache")


def test_a_full_disk_is_no_error(cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cache.put(KEY, b"code")
    monkeypatch.setattr(os, "rename", full)
    cache.put(OTHER, b"code")
    monkeypatch.undo()
    # Nothing is left behind, and nothing more is written.
    cache.put(OTHER, b"code")
    assert [each.name for each in Path(cache.folder).iterdir()] == [KEY]


# The limits


def test_what_was_not_used_for_the_longest_time_is_removed(
    cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MOST_ENTRIES", 8)
    monkeypatch.setattr(directory, "_WRITES_PER_CHECK", 1)
    for number in range(8):
        cache.put(f"{number:064x}", b"code")
        os.utime(Path(cache.folder) / f"{number:064x}", (number, number))
    (Path(cache.folder) / "notes").write_text("not an entry")
    assert cache.get(f"{0:064x}") == b"code"
    cache.put(KEY, b"code")
    names = sorted(each.name for each in Path(cache.folder).iterdir())
    assert names == [f"{0:064x}", *(f"{number:064x}" for number in (4, 5, 6, 7)), KEY, "notes"]


def test_bytes_are_limited(cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MOST_BYTES", 3_200)
    monkeypatch.setattr(directory, "_WRITES_PER_CHECK", 1)
    cache.put(KEY, bytes(201))
    assert cache.get(KEY) is None, "one entry takes at most a sixteenth"
    for number in range(40):
        cache.put(f"{number:064x}", bytes(200))
    assert 2_000 <= cache.usage().size <= 3_200


# Programs


@pytest.mark.parametrize("name", ["mandelbrot", "primes", "life"])
@pytest.mark.parametrize("mode", ["O0", "O3", "sync", "tiered"])
def test_a_program_does_the_same_with_it(name: str, mode: str, tmp_path: Path) -> None:
    script = str(ROOT / "tutorials" / "examples" / f"{name}.kal")
    outputs = {kaleido(tmp_path / "cache", f"--jit={mode}", *rest, script) for rest in ([], [], ["--no-cache"])}
    assert len(outputs) == 1


def test_a_second_run_adds_nothing(cache: DirectoryCache) -> None:
    run(cache.folder)
    before = {each.name: each.stat().st_ino for each in Path(cache.folder).iterdir()}
    assert len(before) > 5
    run(cache.folder)
    assert {each.name: each.stat().st_ino for each in Path(cache.folder).iterdir()} == before


def test_a_second_run_does_not_load_llvm(cache: DirectoryCache) -> None:
    code = (
        "from kaleido.cli import run; import sys; run(['--jit=O0', '-c', 'def f(x) x * x  f(4) + sin(0)']); "
        "loaded = {'lark', 'llvmlite.binding', 'pathlib', 'prompt_toolkit'}.intersection(sys.modules); "
        "print(loaded, file=sys.stderr)"
    )
    environment = {**os.environ, "KALEIDO_CACHE": str(cache.folder)}
    for loaded in ("llvmlite.binding", "set()"):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
        assert done.stdout == "16.0\n" and loaded in done.stderr


def test_damaged_entries_are_compiled_again(cache: DirectoryCache) -> None:
    run(cache.folder)
    entries = list(Path(cache.folder).iterdir())
    intact = {each.name: each.read_bytes() for each in entries}
    for each in entries:
        each.write_bytes(each.read_bytes()[:-5] + b"wrong")
    run(cache.folder)
    assert {each.name: each.read_bytes() for each in Path(cache.folder).iterdir()} == intact


def test_processes_share_it(cache: DirectoryCache) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(run, [cache.folder] * 4))
    assert all(cache.get(each.name) for each in Path(cache.folder).iterdir())


def test_a_session_takes_one(cache: DirectoryCache) -> None:
    for _ in range(2):
        with Session(jit="O0", cache=cache) as session:
            assert session.run("def f(x) x + 1  f(1)") == 2.0
    assert cache.usage().entries > 0


# The command


def test_the_command(cache: DirectoryCache) -> None:
    assert kaleido(cache.folder, "cache") == f"{cache.folder}: 0 entries, 0 of at most 67,108,864 bytes\n"
    cache.put(KEY, bytes(1_000))
    (Path(cache.folder) / "notes").write_text("not an entry")
    expected = f"{cache.folder}: 1 entry, 1,000 of at most 67,108,864 bytes\n"
    assert kaleido(cache.folder, "cache", "status") == expected
    assert kaleido(cache.folder, "cache", "clear") == f"{cache.folder}: 1 entry removed, 1,000 bytes\n"
    assert [each.name for each in Path(cache.folder).iterdir()] == ["notes"]
    assert kaleido("off", "cache") == "the object cache is off\n"


def test_it_can_be_switched_off(cache: DirectoryCache) -> None:
    run(cache.folder, "--no-cache")
    assert not Path(cache.folder).exists()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KALEIDO_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"KALEIDO_CACHE": "off", "XDG_CACHE_HOME": "/c"}, None),
        ({"KALEIDO_CACHE": "", "XDG_CACHE_HOME": "/c"}, "/c/kaleido"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/home/me"}, "/home/me/.cache/kaleido"),
        ({}, None),
    ],
)
def test_its_place(environment: dict[str, str], folder: str | None) -> None:
    found = cache_at(environment)
    assert (found and str(found.folder)) == folder
