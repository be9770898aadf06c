"""Which units are *ordinary*: all of their words are known to be compiled by LLVM on any machine, or refused by it.

LLVM verifies modules. But it ends the process where the code generator finds out that something cannot be compiled:
inline assembly, intrinsics of other machines, attributes, conventions, operand bundles, types of odd widths. There is
no list of what does that, and the next version of LLVM has more. So the words that are known to be harmless are listed
here, and a unit with any other word is compiled in another process first: see ``rehearsal``. So is a unit that can make
LLVM work without a limit: by metadata that demands that a loop is unrolled, or by functions that are always inlined
into each other.
"""

from __future__ import annotations

import re
from math import prod

from kaleido.jit.compiling.frame_sizes import named_types

__all__ = [
    "MOST_INLINED",
    "PLAIN_WORDS",
    "SPACES",
    "is_deeply_nested",
    "is_harmless_intrinsic",
    "is_ordinary",
    "unknown_flags",
]

# Instructions and what goes with them; types; attributes; conventions. Words in capitals, numbers and names are never
# anything else.
_WORDS = """
ret br switch unreachable add sub mul udiv sdiv urem srem shl lshr ashr and or xor fadd fsub fmul fdiv frem fneg alloca
load store getelementptr trunc zext sext fptrunc fpext fptoui fptosi uitofp sitofp ptrtoint inttoptr bitcast icmp fcmp
phi select freeze call extractvalue insertvalue extractelement insertelement shufflevector fence cmpxchg atomicrmw
indirectbr nuw nsw exact disjoint nneg samesign inbounds nusw fast nnan ninf nsz arcp contract afn reassoc tail musttail
notail volatile atomic weak monotonic acquire release acq_rel seq_cst to x label eq ne ugt uge ult ule sgt sge slt
sle oeq ogt oge olt ole one ord ueq une uno true false xchg nand max min umax umin null undef poison zeroinitializer
void i1 i8 i16 i32 i64 half float double ptr define declare local_unnamed_addr unnamed_addr tailcc fastcc ccc nounwind
alwaysinline inlinehint noinline optsize minsize cold hot norecurse nosync nofree willreturn mustprogress nobuiltin
builtin speculatable readnone readonly writeonly memory argmem: read write readwrite inaccessiblemem: noalias nocapture
captures address nonnull noundef dereferenceable dereferenceable_or_null returned noreturn nocallback writable align
"probe-stack" "inline-asm"
"""

# In globals, and in functions that are looked at again as LLVM prints them.
_MORE_WORDS = """
zeroext signext i128 type opaque metadata global constant private internal external dso_local attributes
source_filename target triple datalayout alias distinct range initializes uwtable optnone nomerge dead_on_unwind
inrange none c splat coldcc errnomem: address_is_null provenance read_provenance hidden protected default noduplicate
immarg nonlazybind nocreateundeforpoison
"""

PLAIN_WORDS = frozenset(_WORDS.split())
"""Those of most modules."""

_ORDINARY = PLAIN_WORDS.union(_MORE_WORDS.split())

# What these need is in no C library, if the type has 128 bits.
_WIDE = frozenset(["udiv", "sdiv", "urem", "srem", "fptoui", "fptosi", "uitofp", "sitofp"])

_INTRINSICS = re.compile(
    r"llvm\.(?:abs|[su](?:max|min|cmp)|sqrt|a?(?:sin|cos|tan)h?|atan2|sincos|powi?|exp(?:2|10)?|log(?:2|10)?|fma"
    r"|fmuladd|fabs|(?:min|max)(?:num|imum|imumnum)|copysign|floor|ceil|trunc|rint|nearbyint|round(?:even)?"
    r"|ll?(?:round|rint)|ldexp|frexp|modf|canonicalize|ct(?:pop|lz|tz)|bswap|bitreverse|fsh[lr]"
    r"|[su](?:add|sub|mul)\.with\.overflow|[su](?:add|sub|shl)\.sat|fpto[su]i\.sat|memcpy|memmove|memset"
    r"|lifetime\.(?:start|end)|invariant\.(?:start|end)|assume|expect|is\.constant|objectsize"
    r"|ptrmask|donothing|(?:debug|ubsan)?trap|prefetch|readcyclecounter|stack(?:save|restore)|va_(?:start|end|copy)"
    r"|is\.fpclass|vector\.(?:reduce\.f?(?:add|mul|and|or|xor|max|min|[su]max|[su]min)|reverse)"
    r"|masked\.(?:load|store|gather|scatter)|dbg\.\w+)"
    r"(?:\.(?:v(?:2|4|8|16|32|64))?(?:i(?:1|8|16|32|64|128)|f(?:16|32|64)|p0))*",
    re.ASCII,
)

SPACES = str.maketrans(dict.fromkeys("()[]{}<>,=*|", " "))
"""For `str.translate`: what is between words, as spaces."""

_QUOTED = re.compile(r'"[^"]*"')
_COMMENT = re.compile(r";.*")

# Of LLVM's own metadata, what does nothing to machine code.
_METADATA = ("!llvm.module.flags", "!llvm.dbg.cu", "!llvm.ident", "!llvm.loop", "!llvm.access.group")

# Of what metadata says about a loop, what makes code no larger than LLVM finds right. Other hints have no limit.
_LOOP_HINTS = frozenset(
    {"mustprogress", "unroll.disable", "unroll.runtime.disable", "vectorize.enable", "isvectorized"}
)
_LOOP_HINT = re.compile(r'!"llvm\.loop\.([\w.]+)"')

MOST_INLINED = 2
"""So many functions and calls with ``alwaysinline`` do no harm, however they call each other."""

_INLINED = re.compile(r"^attributes (#\d+) = \{.*\balwaysinline\b", re.MULTILINE)

_FLAGS = frozenset({"Debug Info Version", "Dwarf Version", "wchar_size", "PIC Level", "PIE Level"})
_FLAG = re.compile(r'^!\d+ = !\{i32 \d+, !"([^"]*)", ', re.MULTILINE)
_ATTRIBUTE = re.compile(r'^attributes .*"', re.MULTILINE)

# In constants: what an object file may be unable to express.
_COMPUTED = re.compile(r"^@.* = .*\b(?:ptrtoint|ptrauth|add|sub|xor|mul|trunc)\b *(?:nuw |nsw )*\(", re.MULTILINE)

_ARRAYS = re.compile(r"(?:[\[<]\d+ x )+")
_MOST_ITEMS = 1 << 22
# Of a vector, and of an array that is a value. LLVM has other limits, too, and ends the process.
_MOST_WIDE = 1024
_VECTOR = re.compile(r"<(\d+) x ")
# The type of what is in memory at an address.
_OF_ADDRESS = re.compile(r"getelementptr .*?, ptr|(?:byval|sret|byref|elementtype)\([^)]*\)")

# LLVM has no instruction for an atomic access of less alignment than its size: it calls a library that is not there.
_ATOMIC = re.compile(r"(?:atomicrmw|cmpxchg|(?:load|store) atomic) .*, align (\d+)")
_WIDTH = re.compile(r"\bi(\d+)\b")

_BRACKET = re.compile(r"[(\[{<]|[)\]}>]")
_ANY_NUMBER = re.compile(r"^define .*\.\.\.\)", re.MULTILINE)

_MOST_BRACKETS, _MOST_NESTED, _MOST_METADATA = 5_000, 256, 5_000


def is_ordinary(text: str) -> bool:
    """Whether a module, as LLVM prints it, can be compiled without risk for the process."""
    if _COMPUTED.search(text) is not None or text.count("\n!") > _MOST_METADATA or 'target("' in text:
        return False
    if any(_items(found[0]) > _MOST_ITEMS for found in _ARRAYS.finditer(text)):
        return False
    if any(int(number) > _MOST_WIDE for number in _VECTOR.findall(text)) or _has_large_values(text):
        return False
    if _has_unaligned_atomics(text):
        return False
    if not _LOOP_HINTS.issuperset(_LOOP_HINT.findall(text)) or _always_inlined(text) > MOST_INLINED:
        return False
    text = _COMMENT.sub("", _QUOTED.sub(lambda found: "" if found[0] in PLAIN_WORDS else '"', text))
    # Attributes that are texts, operand bundles, and functions with any number of arguments.
    if _ATTRIBUTE.search(text) is not None or '[ "(' in text or _ANY_NUMBER.search(text) is not None:
        return False
    return _only(text.replace('"', ""), _ORDINARY)


def _has_large_values(text: str) -> bool:
    """Whether a value, not a variable in memory, is a large array: LLVM takes it apart into its items."""
    sizes = named_types(text) if " = type " in text else {}
    large = [name for name, items in sizes.items() if items > _MOST_WIDE]
    for line in text.split("\n"):
        if line[:1] in (" ", "d") and "= alloca " not in line:
            line = _OF_ADDRESS.sub("", line)
            arrays = sum(_items(found[0]) for found in _ARRAYS.finditer(line))
            if arrays > _MOST_WIDE or any(name in line for name in large):
                return True
    return False


def _has_unaligned_atomics(text: str) -> bool:
    for found in _ATOMIC.finditer(text):
        widths = [int(each) // 8 for each in _WIDTH.findall(found[0])] or [8]
        if int(found[1]) < max(widths):
            return True
    return False


def _always_inlined(text: str) -> int:
    """How many functions and calls have the attribute ``alwaysinline``."""
    return sum(len(re.findall(rf"{group}\b", text)) - 1 for group in _INLINED.findall(text))


def is_harmless_intrinsic(name: str) -> bool:
    return _INTRINSICS.fullmatch(name) is not None


def _items(arrays: str) -> int:
    """How many items nested arrays have."""
    return prod(int(number) for number in re.findall(r"\d+", arrays))


def unknown_flags(text: str) -> set[str]:
    """The module flags in a module, as LLVM prints it, of which it is not known that any two units agree on them."""
    return set(_FLAG.findall(text)) - _FLAGS if "!llvm.module.flags" in text else set()


def _only(text: str, known: frozenset[str]) -> bool:
    words = set(text.translate(SPACES).split())
    if "i128" in words and not words.isdisjoint(_WIDE):
        return False
    for word in words - known:
        first = word[0]
        if first in "%-#.0123456789" or "A" <= first <= "Z":
            continue
        if first == "@":
            if "llvm." in word[1:7] and not is_harmless_intrinsic(word[1:]):
                return False
        elif first == "!":
            if word.startswith("!llvm.") and word not in _METADATA:
                return False
        elif word[-1] != ":" or not first.isalpha():
            return False
    return True


def is_deeply_nested(text: str) -> bool:
    """Whether LLVM's parser, which is recursive, may need more stack for a text than a thread has."""
    if len(text) < _MOST_BRACKETS or sum(map(text.count, "([{<")) < _MOST_BRACKETS:
        return False
    depth = most = 0
    for found in _BRACKET.finditer(_QUOTED.sub("", text)):
        depth += 1 if found[0] in "([{<" else -1
        most = max(most, depth)
    return most > _MOST_NESTED
