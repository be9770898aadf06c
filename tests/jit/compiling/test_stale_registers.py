"""Places of variables in registers end before the calls that change these."""

from __future__ import annotations

import struct

import pytest

from kaleido.jit.compiling.stale_registers import without_stale_registers

XMM0, RBX, XMM17, FRAME = bytes([0x50 + 17]), bytes([0x50 + 3]), bytes([0x90, 0x44]), bytes([0x91, 8])
VALUE = bytes([0xA5, 17, 0x20])


def elf(name: bytes, content: bytes, machine: int = 62) -> bytes:
    """An object file with one section of a content, and the table of names."""
    names = b"\0" + name + b"\0.names\0"
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 1, machine, 1) + struct.pack("<QQ", 0, 0)
    sections = 64 + len(content) + len(names)
    header += struct.pack("<QIHHHHHH", sections, 0, 64, 0, 0, 64, 3, 2)
    table = bytes(64)
    for begin, offset, size in ((1, 64, len(content)), (2 + len(name), 64 + len(content), len(names))):
        table += struct.pack("<IIQQQQIIQQ", begin, 1, 0, 0, offset, size, 0, 0, 1, 0)
    return header + content + names + table


def changed(name: bytes, content: bytes, machine: int = 62) -> bytes:
    before = elf(name, content, machine)
    after = without_stale_registers(before)
    assert len(before) == len(after)
    assert (before[:64], before[64 + len(content) :]) == (after[:64], after[64 + len(content) :])
    return after[64 : 64 + len(content)]


def list_4(*entries: tuple[int, int, bytes]) -> bytes:
    parts = (struct.pack("<QQH", first, last, len(place)) + place for first, last, place in entries)
    return b"".join(parts) + bytes(16)


def test_of_dwarf_4() -> None:
    before = list_4((0, 9, XMM0), (9, 12, RBX), (12, 13, XMM0), (13, 20, FRAME), (20, 30, XMM17), (30, 40, VALUE))
    base = struct.pack("<QQ", 2**64 - 1, 0)
    after = list_4((0, 8, XMM0), (9, 12, RBX), (12, 13, XMM0), (13, 20, FRAME), (20, 29, XMM17), (30, 39, VALUE))
    assert changed(b".debug_loc", before + base + before) == after + base + after


def list_5(*entries: bytes) -> bytes:
    content = struct.pack("<HBBI", 5, 8, 0, 1) + struct.pack("<I", 4) + b"".join(entries) + b"\0"
    return struct.pack("<I", len(content)) + content


def of(kind: int, operands: bytes, place: bytes) -> bytes:
    return bytes([kind]) + operands + bytes([len(place)]) + place


def test_of_dwarf_5() -> None:
    addresses = bytes(8)
    before = [
        *(b"\x01\x00", b"\x06" + addresses, of(5, b"", XMM0)),
        *(of(4, b"\x03\x80\x01", XMM0), of(4, b"\x03\x80\x01", RBX), of(4, b"\x03\x04", XMM0)),
        *(of(3, b"\x00\x80\x80\x01", XMM17), of(8, addresses + b"\x05", XMM0), of(2, b"\x00\x01", XMM0)),
    ]
    after = [
        *(b"\x01\x00", b"\x06" + addresses, of(5, b"", XMM0)),
        *(of(4, b"\x03\xff\x00", XMM0), of(4, b"\x03\x80\x01", RBX), of(4, b"\x03\x04", XMM0)),
        *(of(3, b"\x00\xff\xff\x00", XMM17), of(8, addresses + b"\x04", XMM0), of(2, b"\x00\x01", XMM0)),
    ]
    assert changed(b".debug_loclists", list_5(*before) * 2) == list_5(*after) * 2


@pytest.mark.parametrize(
    ("name", "content", "machine"),
    [
        (b".debug_line", list_4((0, 9, XMM0)), 62),
        (b".debug_loc", list_4((0, 9, XMM0)), 183),
        (b".debug_loclists", list_5(of(9, b"", XMM0)), 62),
        (b".debug_loclists", list_5(of(4, b"\x03\x09", XMM0)).replace(b"\x05\x00\x08", b"\x06\x00\x08"), 62),
    ],
    ids=["another section", "another processor", "an unknown kind", "another version"],
)
def test_what_stays(name: bytes, content: bytes, machine: int) -> None:
    assert changed(name, content, machine) == content
    assert without_stale_registers(content) == content
