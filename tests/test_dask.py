"""Functions over arrays of Dask, in this process and on one local cluster of two processes; the tutorial's example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kaleido import KaleidoError, Session

distributed: Any = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'kaleido-lang[dask]'")
da: Any = pytest.importorskip("dask.array")
np: Any = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(threshold=10) as session:
        session.run("def f(x y) x - y  def square(x) x * x")
        yield session


def random(*shape: int, chunks: Any) -> Any:
    return da.from_array(np.random.default_rng(1).random(shape), chunks=chunks)


# In this process


def test_blocks_are_broadcast_as_arrays_are(session: Session) -> None:
    f = session["f"]
    matrix, row = random(20, 30, chunks=(7, 11)), random(30, chunks=10)
    cases = [(matrix, row), (row, matrix), (matrix, 2.5), (1, row), (matrix, matrix.T[:1].T), (row[:, None], row)]
    cases += [(matrix, np.arange(30)), ([1] * 30, row), (matrix.sum(), 1), (matrix.astype("f4"), 1)]
    for left, right in cases:
        result = f.map(left, right)
        assert isinstance(result, da.Array) and result.dtype == np.float64
        expected = f.map(*(np.asarray(each) for each in (left, right)))
        found = result.compute(scheduler="synchronous")
        assert found.shape == result.shape == expected.shape
        assert np.array_equal(found, expected)


def test_a_mask_may_be_an_array_of_dask(session: Session) -> None:
    matrix = random(20, 30, chunks=(7, 11))
    for mask in (matrix > 0.5, np.arange(30) % 2 == 0):
        found = session["square"].map(matrix, where=mask).compute(scheduler="synchronous")
        assert np.array_equal(np.isnan(found), np.broadcast_to(~np.asarray(mask), (20, 30)))
    with pytest.raises(TypeError, match="`out` is not possible"):
        session["square"].map(matrix, out=np.empty((20, 30)))


def test_reductions_of_blocks_are_in_order(session: Session) -> None:
    session.run("def digits(x y) x * 0.5 + y")
    digits, cube = session["digits"], random(6, 7, 8, chunks=(2, 3, 5))
    array, mask = np.asarray(cube), np.asarray(cube) > 0.4
    for axis in (0, 1, -1, None, (0, 2), (1, 2), (2, 0)):
        for options in ({}, {"keepdims": True}, {"initial": 3}, {"initial": 3, "where": mask}):
            result = digits.reduce(cube, axis, **options)
            assert isinstance(result, da.Array) and result.dtype == np.float64
            expected = digits.reduce(array, axis, **options)
            found = result.compute(scheduler="synchronous")
            assert found.shape == result.shape == np.shape(expected)
            assert np.array_equal(found, expected)
    found = digits.reduce(array, 1, where=cube[0] > 0.4, initial=0).compute(scheduler="synchronous")
    assert np.array_equal(found, digits.reduce(array, 1, where=mask[0], initial=0))
    with pytest.raises(TypeError, match="`out` is not possible"):
        digits.reduce(cube, out=np.empty((7, 8)))
    with pytest.raises(ValueError, match="one has to give `initial`"):
        digits.reduce(cube, where=mask)


# On the cluster


def arrived() -> int:
    """How many programs have arrived in this process."""
    from kaleido.session import arrivals

    return len(arrivals._sessions)


def test_blocks_are_computed_elsewhere(cluster: Any, session: Session) -> None:
    matrix = random(60, 50, chunks=20)
    for factor in (2, 3):
        session.run(f"def g(x) x * {factor}  def h(x) g(x) + sin(x)")
        found = session["h"].map(matrix).compute()
        assert np.array_equal(found, session["h"].map(np.asarray(matrix)))


def test_a_worker_compiles_a_function_once(cluster: Any, session: Session) -> None:
    before = cluster.run(arrived)
    for worker in before:
        tasks = [cluster.submit(session["f"], each, 1.0, workers=[worker], pure=False) for each in (5.0, 6.0, 7.0)]
        assert cluster.gather(tasks) == [4.0, 5.0, 6.0]
    assert cluster.run(arrived) == {worker: number + 1 for worker, number in before.items()}
    session.run("def f(x y) x + y")
    assert cluster.submit(session["f"], 5.0, 1.0).result() == 6.0


def test_a_function_is_a_task(cluster: Any, session: Session) -> None:
    assert cluster.submit(session["f"], 5.0, 3.0).result() == 2.0
    assert cluster.gather(cluster.map(session["square"], [1.0, 2.0, 3.0])) == [1.0, 4.0, 9.0]


def test_an_error_of_a_worker_has_its_place(cluster: Any, session: Session) -> None:
    session.run("def deep(x) 1 + deep(x + 1)")
    with pytest.raises(KaleidoError, match=r"recursion too deep in deep"):
        cluster.submit(session["deep"], 1.0).result()


def test_the_example_survives_the_loss_of_a_worker(
    cluster: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mandelbrot_cluster

    monkeypatch.setattr(mandelbrot_cluster, "_BLOCKS", 4)
    address = cluster.scheduler.address
    assert mandelbrot_cluster.main(["--points=250000", "--lose-one", "--scheduler", address]) == 0
    printed = capsys.readouterr().out
    assert "250,000 points in 16 blocks: 7,275,658 steps" in printed
    assert "a worker was killed" in printed and "the same" in printed
    # Two workers before, and two after: one of them is new, and compiles again.
    assert printed.count("arrived and compiled in") == 4
