"""The findings of authors of other languages, as far as they are no times: see `findings`."""

from __future__ import annotations

import pytest

from tests.jit.findings import PROBES, WRONG, Row


@pytest.mark.parametrize("row", [*WRONG, *PROBES], ids=lambda row: row.tried)
def test_what_was_wrong_is_right(row: Row) -> None:
    assert row.right in row.happens()
