"""Units that are wrong, or odd, each with what must happen: run as a program, it tries them in this process.

It prints a line of JSON for each row, so that a row that ends the process is known, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from kaleido.jit import PROBED, Engine, Policy, Signature, Unit, UnitError

INTEGER = Signature("i64", ("i64",))
REAL = Signature("double", ("double",))


def ir(instructions: str, *more: str, convention: str = "tailcc", attributes: str = "nounwind") -> str:
    """IR of the body of `bad`, on lines 2 and following, after `more` on line 1."""
    return f"{' '.join(more)}\ndefine {convention} i64 @bad.impl(i64 %x) {attributes} {{\n{instructions}\n}}\n"


def bad(text: Any, signature: Any = INTEGER, **rest: Any) -> Unit:
    return Unit("bad", signature, text, **rest)


def calls(call: str, declaration: str, **rest: Any) -> Unit:
    """A unit that calls something else, and returns the result."""
    return bad(ir(f"%r = {call}\nret i64 %r", declaration), **rest)


G: dict[str, Any] = {"calls": {"g": INTEGER}}
RET = "ret i64 %x"

REFUSED: Mapping[str, tuple[Callable[[], Unit], str, int]] = {
    # The text
    "no IR at all": (lambda: bad(""), "defines nothing, but not its body `bad.impl`", 0),
    "text that is not IR": (lambda: bad("call me"), "expected top-level entity", 1),
    "an instruction that does not exist": (lambda: bad(ir("rett i64 %x")), "expected instruction opcode", 3),
    "a value that is not defined": (lambda: bad(ir("ret i64 %y")), "use of undefined value '%y'", 3),
    "a result of another type": (lambda: bad(ir("ret i32 0")), "function result type", 3),
    "a block without an end": (lambda: bad(ir("%y = add i64 %x, 1")), "expected instruction opcode", 4),
    "a value that is used before it is defined": (
        lambda: bad(ir("%z = add i64 %y, 1\n%y = add i64 %x, 1\nret i64 %z")),
        "dominate",
        0,
    ),
    "a NUL character": (lambda: bad(ir(RET) + "\0;"), "NUL", 0),
    "a character that is half of one": (lambda: bad(ir(RET) + ";\ud800"), "not Unicode", 0),
    "no text, but an object": (lambda: bad(object()), "its IR is of type object, not str", 0),
    "bytes": (lambda: bad(ir(RET).encode()), "its IR is of type bytes, not str", 0),
    "something defined twice": (lambda: bad(ir(RET) * 2), "invalid redefinition", 6),
    "a type that is not defined": (lambda: bad(ir("%p = alloca %T\nret i64 %x")), "unsized type", 3),
    "an intrinsic that does not exist": (
        lambda: calls("call i64 @llvm.nonsense(i64 %x)", "declare i64 @llvm.nonsense(i64)"),
        "`llvm.nonsense`",
        1,
    ),
    "an intrinsic of other types": (
        lambda: calls("call i64 @llvm.ctpop.i64(i32 0)", "declare i64 @llvm.ctpop.i64(i32)"),
        "ntrinsic",
        0,
    ),
    # The body
    "a body of another name": (lambda: bad(ir(RET).replace("bad", "other")), "defines `other.impl`, but not", 0),
    "a body that is only declared": (lambda: bad("declare tailcc i64 @bad.impl(i64)"), "defines nothing", 0),
    "a body that is private": (lambda: bad(ir(RET, convention="private tailcc")), "is not external", 2),
    "a body that is internal": (lambda: bad(ir(RET, convention="internal tailcc")), "is not external", 2),
    "a body that is weak": (lambda: bad(ir(RET, convention="weak tailcc")), "is not external", 2),
    "a body that is merged": (lambda: bad(ir(RET, convention="linkonce_odr tailcc")), "is not external", 2),
    "a body that is available elsewhere": (
        lambda: bad(ir(RET, convention="available_externally tailcc")),
        "is not external",
        2,
    ),
    "a body of the C convention": (lambda: bad(ir(RET, convention="")), "is not tailcc", 2),
    "a body of the fast convention": (lambda: bad(ir(RET, convention="fastcc")), "is not tailcc", 2),
    "a body that may unwind": (lambda: bad(ir(RET, attributes="")), "is not nounwind", 2),
    "a body of another result": (
        lambda: bad(ir(RET), Signature("double", ("i64",))),
        "its body is i64 (i64), but its signature double (i64)",
        2,
    ),
    "a body of other parameters": (lambda: bad(ir(RET), REAL), "its body is i64 (i64), but its signature double", 2),
    "a body of fewer parameters": (lambda: bad(ir(RET), Signature("i64", ("i64", "i64"))), "i64 (i64), but", 2),
    "a body that returns nothing": (lambda: bad(ir(RET), Signature("void", ("i64",))), "signature void (i64)", 2),
    "a body with any number of parameters": (
        lambda: bad(ir(RET).replace("i64 %x)", "i64 %x, ...)")),
        "its body is i64 (i64, ...)",
        2,
    ),
    "a body that returns a structure": (
        lambda: bad("define tailcc { i64, i64 } @bad.impl(i64 %x) nounwind {\nret { i64, i64 } zeroinitializer\n}"),
        "its body is { i64, i64 } (i64), but its signature i64 (i64)",
        1,
    ),
    "a body that is always inlined": (lambda: bad(ir(RET, attributes="nounwind alwaysinline")), "is alwaysinline", 2),
    "a body that is always inlined by a group": (
        lambda: bad(ir(RET, attributes="#0") + "attributes #0 = { alwaysinline nounwind }\n"),
        "its body `bad.impl` is alwaysinline, for which LLVM has no limit",
        2,
    ),
    "a body with a garbage collector": (
        lambda: bad(ir(RET, attributes='nounwind gc "statepoint-example"')),
        "garbage collector",
        2,
    ),
    # Callees
    "a callee that is missing in calls": (
        lambda: calls("call tailcc i64 @g(i64 %x)", "declare tailcc i64 @g(i64)"),
        "calls `g`, which is not among",
        1,
    ),
    "a callee with spaces that is missing in calls": (
        lambda: calls('call tailcc i64 @"g ()"(i64 %x)', 'declare tailcc i64 @"g ()"(i64)'),
        "calls `g ()`, which",
        1,
    ),
    "itself without a call of itself": (
        lambda: calls("call tailcc i64 @bad(i64 %x)", "declare tailcc i64 @bad(i64)"),
        "calls `bad`, which is not",
        1,
    ),
    "a callee that is declared by other types": (
        lambda: calls("call tailcc i64 @g(double 0.0)", "declare tailcc i64 @g(double)", **G),
        "calls `g` as i64 (double), but `g` is i64 (i64)",
        1,
    ),
    "a callee that is declared by another result": (
        lambda: calls("call tailcc i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", calls={"g": REAL}),
        "calls `g` as i64 (i64), but `g` is double (double)",
        1,
    ),
    "a callee that is called by other types": (
        lambda: calls("call tailcc i64 @g(double 0.0)", "declare tailcc i64 @g(i64)", **G),
        "calls `g` as i64 (double), but `g` is i64 (i64)",
        3,
    ),
    "a callee that is called by another result": (
        lambda: bad(ir("%r = call tailcc i32 @g(i64 %x)\nret i64 %x", "declare tailcc i64 @g(i64)"), **G),
        "calls `g` as i32 (i64), but `g` is i64 (i64)",
        3,
    ),
    "a callee that is called by more arguments": (
        lambda: calls("call tailcc i64 @g(i64 %x, i64 %x)", "declare tailcc i64 @g(i64)", **G),
        "calls `g` as i64 (i64, i64), but `g` is i64 (i64)",
        3,
    ),
    "a callee that is called without arguments": (
        lambda: calls("call tailcc i64 @g()", "declare tailcc i64 @g(i64)", **G),
        "calls `g` as i64 ()",
        3,
    ),
    "a tail call whose result is extended otherwise": (
        lambda: bad(
            ir(
                "ret i64 %x\n}\ndefine private tailcc zeroext i8 @h(i64 %x) {\n"
                "%r = musttail call tailcc i8 @k(i64 %x)\nret i8 %r",
                "declare tailcc i8 @k(i64)",
            ),
            calls={"k": Signature("i8", ("i64",))},
        ),
        "calls `k` as musttail, with another zeroext",
        6,
    ),
    "a tail call of a pointer whose result is extended otherwise": (
        lambda: bad(
            ir(
                "ret i64 %x\n}\ndefine private tailcc i8 @h(ptr %x) {\n"
                "%r = musttail call tailcc signext i8 %x(ptr %x)\nret i8 %r"
            )
        ),
        "calls a pointer as musttail, with another zeroext",
        0,
    ),
    "a callee that is declared without tailcc": (
        lambda: calls("call i64 @g(i64 %x)", "declare i64 @g(i64)", **G),
        "declares `g` without tailcc",
        1,
    ),
    "a callee that is called without tailcc": (
        lambda: calls("call i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", **G),
        "calls `g` without tailcc",
        3,
    ),
    "a callee that is called in tail position without tailcc": (
        lambda: calls("tail call i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", **G),
        "calls `g` without tailcc",
        3,
    ),
    "a second call that is wrong": (
        lambda: calls("call tailcc i64 @g(i64 %x)\n%s = call i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", **G),
        "calls `g` without tailcc",
        4,
    ),
    "a helper that is called without tailcc": (
        lambda: calls("call i64 @h(i64 %x)", "define private tailcc i64 @h(i64 %y) nounwind { ret i64 %y }"),
        "calls `h` without tailcc",
        3,
    ),
    "a C function that is called with tailcc": (
        lambda: calls("call tailcc i64 @labs(i64 %x)", "declare i64 @labs(i64)"),
        "calls `labs` with tailcc",
        3,
    ),
    "a tail call of another convention": (
        lambda: calls("musttail call i64 @labs(i64 %x)", "declare i64 @labs(i64)"),
        "musttail",
        0,
    ),
    # C
    "a C function that is nowhere": (
        lambda: calls("call i64 @no_such(i64 %x)", "declare i64 @no_such(i64)"),
        "uses `no_such`, which is neither",
        1,
    ),
    "a C variable that is nowhere": (
        lambda: calls("load i64, ptr @no_such", "@no_such = external global i64\n"),
        "uses `no_such`, which",
        1,
    ),
    "a C function that is nowhere, by its address": (
        lambda: bad(ir("%r = ptrtoint ptr @no_such to i64\nret i64 %r", "declare i64 @no_such(i64)")),
        "`no_such`",
        1,
    ),
    "leaving by other types": (
        lambda: calls("call i64 @jit.leave()", "declare i64 @jit.leave()"),
        "but `jit.leave` is ptr ()",
        1,
    ),
    "a function of another machine": (
        lambda: bad(ir("call void @llvm.aarch64.dmb(i32 0)\nret i64 %x", "declare void @llvm.aarch64.dmb(i32)")),
        "no instruction",
        1,
    ),
    "a coroutine": (
        lambda: bad(ir("%h = call i1 @llvm.coro.done(ptr null)\nret i64 %x", "declare i1 @llvm.coro.done(ptr)")),
        "no instruction",
        1,
    ),
    # What only the code generator finds out: it would end the process
    "inline assembly that is no assembly": (
        lambda: bad(ir('call void asm sideeffect "no such instruction", ""()\nret i64 %x')),
        "LLVM cannot compile it",
        0,
    ),
    "inline assembly with an operand too many": (
        lambda: bad(ir('call void asm sideeffect "nop $7", ""()\nret i64 %x')),
        "Invalid $ operand number",
        0,
    ),
    "inline assembly with a constraint that cannot be met": (
        lambda: calls('call i64 asm "", "=r,I"(i64 %x)', ""),
        "LLVM cannot compile it",
        0,
    ),
    # Everything else that a module can have
    "a variable": (lambda: bad(ir(RET, "@n = internal global i64 0\n")), "`n` is a variable, not a constant", 1),
    "a constant that is exported": (lambda: bad(ir(RET, "@n = constant i64 0\n")), "neither private nor internal", 1),
    "a variable that is exported": (lambda: bad(ir(RET, "@n = global i64 0\n")), "neither private nor internal", 1),
    "a variable of each thread": (lambda: bad(ir(RET, "@n = internal thread_local global i64 0\n")), "thread-local", 1),
    "a C variable of each thread": (
        lambda: calls("load i64, ptr @errno", "@errno = external thread_local(initialexec) global i64\n"),
        "thread-",
        1,
    ),
    "constructors": (
        lambda: bad(ir(RET, "@llvm.global_ctors = appending global [0 x { i32, ptr, ptr }] zeroinitializer\n")),
        "`llvm.global_ctors` is neither private nor internal",
        1,
    ),
    "a helper that is exported": (
        lambda: bad(ir(RET, "define i64 @h() {\nret i64 1 }\n")),
        "defines `h`, which is neither",
        1,
    ),
    "a helper that is merged": (
        lambda: bad(ir(RET, "define linkonce_odr i64 @h() {\nret i64 1 }\n")),
        "defines `h`, which is neither",
        1,
    ),
    "an alias that is exported": (
        lambda: bad(ir(RET) + "@h = alias i64 (i64), ptr @bad.impl\n"),
        "`h` is neither private nor internal",
        5,
    ),
    "a function with a resolver": (
        lambda: bad(ir(RET) + "@h = ifunc i64 (i64), ptr @r\ndefine private ptr @r() {\nret ptr null\n}\n"),
        "by a resolver",
        5,
    ),
    "assembly of the module": (lambda: bad(ir(RET, 'module asm "nop"\n')), "assembly of a module", 0),
    # Symbols
    "an empty symbol": (lambda: Unit("", INTEGER, ir(RET)), "its symbol is empty", 0),
    "a symbol with a NUL": (lambda: Unit("a\0b", INTEGER, ir(RET)), "its symbol is empty, or has", 0),
    "a symbol that is not mangled": (lambda: Unit("\1a", INTEGER, ir(RET)), "its symbol is empty, or has", 0),
    "a symbol of an intrinsic": (lambda: Unit("llvm.sqrt.f64", INTEGER, ir(RET)), "or begins with `llvm.`", 0),
    "a symbol whose body is one of the engine": (lambda: Unit("jit", INTEGER, ir(RET)), "its symbol is `jit`, or", 0),
    "a symbol of the engine": (lambda: Unit("jit.leave", INTEGER, ir(RET)), "begins with `jit.`", 0),
    # What would end the process only when it is compiled
    "an operand bundle": (
        lambda: calls('call i64 @labs(i64 %x) [ "mine"(i64 %x) ]', "declare i64 @labs(i64)"),
        "LLVM cannot compile it: LLVM ERROR: cannot lower calls with arbitrary operand bundles",
        0,
    ),
    "a processor that this is not": (
        lambda: bad(ir(RET, attributes='nounwind "target-features"="-64bit"')),
        "LLVM cannot compile it",
        0,
    ),
    "an intrinsic that no instruction is for": (
        lambda: bad(
            ir(
                "call void @llvm.set.loop.iterations.i64(i64 5)\nret i64 %x",
                "declare void @llvm.set.loop.iterations.i64(i64)",
            )
        ),
        "LLVM cannot compile it: LLVM ERROR: Cannot select",
        0,
    ),
    "a register that does not exist": (
        lambda: calls(
            'call i64 @llvm.read_register.i64(metadata !{!"nosuch"})', "declare i64 @llvm.read_register.i64(metadata)"
        ),
        "LLVM cannot compile it: error: <unknown>:0:0: invalid register",
        0,
    ),
    "a convention for intrinsics": (
        lambda: calls("call anyregcc i64 @h(i64 %x)", "define private anyregcc i64 @h(i64 %y) {\nret i64 %y\n}\n"),
        "LLVM cannot compile it",
        0,
    ),
    "any number of arguments in registers": (
        lambda: calls(
            "call tailcc i64 (i64, ...) @h(i64 %x)", "define private tailcc i64 @h(i64 %y, ...) {\nret i64 %y\n}\n"
        ),
        "LLVM cannot compile it",
        0,
    ),
    "a constant that no linker computes": (
        lambda: bad(ir(RET, "@n = private constant i64 xor (i64 ptrtoint (ptr @bad.impl to i64), i64 5)\n")),
        "LLVM cannot compile it: error: unsupported expression",
        0,
    ),
    "a stack that is aligned too much": (
        lambda: bad(ir(RET, attributes="nounwind alignstack(1024)")),
        "LLVM cannot compile it",
        0,
    ),
    "brackets without end": (
        lambda: bad(ir("ret i64 " + "add (i64 1, i64 " * 50_000 + "ptrtoint (ptr @bad.impl to i64)" + ")" * 50_000)),
        "LLVM cannot compile it",
        0,
    ),
    # What would not fit to other units, or not into memory
    "a personality": (
        lambda: bad(
            ir(
                "%r = invoke i64 @labs(i64 %x) to label %a unwind label %b\na:\nret i64 %r\nb:\n"
                "%l = landingpad { ptr, i32 } cleanup\nret i64 0",
                "declare i64 @labs(i64)\ndefine private i32 @p() { ret i32 0 }\n",
                attributes="nounwind personality ptr @p",
            )
        ),
        "`bad.impl` has a personality: nothing unwinds here",
        4,
    ),
    "a comdat": (
        lambda: bad("$c = comdat any\n" + ir(RET, attributes="nounwind comdat($c)")),
        "`bad.impl` has a comdat",
        3,
    ),
    "a module flag": (
        lambda: bad(ir(RET) + '!llvm.module.flags = !{!0}\n!0 = !{i32 1, !"mine", i32 4}\n'),
        "the module flag `mine`, which modules of other units may contradict",
        0,
    ),
    "a constant that is aligned too much": (
        lambda: calls("load i64, ptr @n", "@n = private constant i64 7, align 65536\n"),
        "`n` is aligned to more than 64 bytes",
        1,
    ),
    "an array on the stack": (
        lambda: bad(ir("%a = alloca [100000 x i64]\nstore volatile i64 %x, ptr %a\nret i64 %x")),
        "`bad.impl` has a large frame, which may be beyond the end of the stack: make it PROBED",
        2,
    ),
    "memory on the stack of a computed size": (
        lambda: bad(ir("%a = alloca i8, i64 %x\nstore volatile i8 0, ptr %a\nret i64 %x")),
        "large frame",
        2,
    ),
    "memory on the stack that is aligned too much": (
        lambda: bad(ir("%a = alloca i64, align 4294967296\nstore volatile i64 %x, ptr %a\nret i64 %x")),
        "large frame",
        2,
    ),
    "a name that is not UTF-8": (
        lambda: calls('call i64 @"h\\FF"(i64 %x)', 'define private i64 @"h\\FF"(i64 %y) {\nret i64 %y\n}\n'),
        "has a name that is not UTF-8",
        0,
    ),
    "a helper with a name of the engine": (
        lambda: calls("call i64 @jit.count(i64 %x)", "define private i64 @jit.count(i64 %y) {\nret i64 %y\n}\n"),
        "defines `jit.count`, whose name is one of the engine's",
        1,
    ),
    # What would end the process, or change what others in it compute, only when it runs
    "the mode of the floating-point unit": (
        lambda: bad(ir("call void @llvm.set.fpmode.i64(i64 0)\nret i64 %x", "declare void @llvm.set.fpmode.i64(i64)")),
        "calls `llvm.set.fpmode.i64`, which changes how C and Python compute, too",
        1,
    ),
    "the environment of the floating-point unit": (
        lambda: bad(
            ir("call void @llvm.set.fpenv.i256(i256 0)\nret i64 %x", "declare void @llvm.set.fpenv.i256(i256)")
        ),
        "calls `llvm.set.fpenv.i256`, which changes how",
        1,
    ),
    "the rounding mode": (
        lambda: bad(ir("call void @llvm.set.rounding(i32 1)\nret i64 %x", "declare void @llvm.set.rounding(i32)")),
        "calls `llvm.set.rounding`, which changes how",
        1,
    ),
    "the mode of vector registers": (
        lambda: bad(ir(f"call void @llvm.x86.sse.ldmxcsr(ptr null)\n{RET}", "declare void @llvm.x86.sse.ldmxcsr(ptr)")),
        "calls `llvm.x86.sse.ldmxcsr`, which changes how C and Python compute, too",
        1,
    ),
    "the address of thread-local variables": (
        lambda: bad(ir(f"call void @llvm.x86.wrfsbase.64(i64 0)\n{RET}", "declare void @llvm.x86.wrfsbase.64(i64)")),
        "which changes a register that the engine needs",
        1,
    ),
    "protection keys": (
        lambda: bad(ir(f"%k = call i32 @llvm.x86.rdpkru()\n{RET}", "declare i32 @llvm.x86.rdpkru()")),
        "which only the system can run, or permit",
        1,
    ),
    "the stack pointer": (
        lambda: bad(
            ir(
                "call void @llvm.write_register.i64(metadata !0, i64 0)\nret i64 %x",
                "declare void @llvm.write_register.i64(metadata, i64)",
            )
            + '!0 = !{!"rsp"}\n'
        ),
        "which changes a register that the engine needs",
        1,
    ),
    "a trampoline": (
        lambda: bad(
            ir(
                "%b = alloca [32 x i8], align 16\ncall void @llvm.init.trampoline(ptr %b, ptr @h, ptr %b)\nret i64 %x",
                "declare void @llvm.init.trampoline(ptr, ptr, ptr)\n"
                "define private i64 @h(ptr nest %n, i64 %y) nounwind { ret i64 %y }\n",
            )
        ),
        "needs a stack whose memory can be executed",
        1,
    ),
    "an argument in the caller's frame": (
        lambda: bad(
            ir(
                "%p = alloca inalloca i64\n%r = call i64 @h(ptr inalloca(i64) %p)\nret i64 %r",
                "define private i64 @h(ptr inalloca(i64) %p) nounwind { ret i64 1 }\n",
            )
        ),
        "passes an argument as inalloca, which x86-64 does not have",
        1,
    ),
    "a tile of a matrix": (
        lambda: bad(
            ir(
                "%t = call x86_amx @llvm.x86.tilezero.internal(i16 8, i16 8)\nret i64 %x",
                "declare x86_amx @llvm.x86.tilezero.internal(i16, i16)",
            )
        ),
        "has values of the type x86_amx",
        1,
    ),
    "data that would be run": (lambda: bad(ir(RET, attributes="nounwind prologue i8 -52")), "has prologue data", 2),
    "a function without a frame": (
        lambda: bad("define tailcc i64 @bad.impl(i64 %x) naked nounwind {\nunreachable\n}\n"),
        "`bad.impl` is naked",
        1,
    ),
    "a helper without a frame": (
        lambda: calls("call i64 @h(i64 %x)", "define private i64 @h(i64 %y) naked nounwind { unreachable }\n"),
        "`h` is naked",
        1,
    ),
    "another processor": (
        lambda: bad(ir(RET, attributes='nounwind "target-cpu"="btver1"')),
        "`bad.impl` is for the processor btver1, and this one is",
        2,
    ),
    "instructions that the processor does not have": (
        lambda: bad(ir(RET, attributes='nounwind "target-features"="+sse2,+xop"')),
        "`bad.impl` needs xop, which this processor does not have",
        2,
    ),
    "many items on the stack at once": (
        lambda: bad(ir("%a = alloca i64, i64 100000000\nstore volatile i64 %x, ptr %a\nret i64 %x")),
        "large frame",
        2,
    ),
    "many items on the stack, one by one": (
        lambda: bad(ir("\n".join([*(f"%a{n} = alloca i64" for n in range(5000)), RET]))),
        "large frame",
        2,
    ),
    "many arrays on the stack": (
        lambda: bad(ir("\n".join([*(f"%a{n} = alloca [900 x i64]" for n in range(5)), RET]))),
        "large frame",
        2,
    ),
    "arrays on the stack in a structure": (
        lambda: bad(ir(f"%a = alloca {{ {', '.join(['[900 x i64]'] * 5)} }}\n{RET}")),
        "large frame",
        2,
    ),
    "an array on the stack in types that have names": (
        lambda: bad("%B = type { [9000 x i64] }\n%A = type { i64, %B }\n" + ir(f"%a = alloca %A\n{RET}")),
        "large frame",
        4,
    ),
    "a large array as a copy": (
        lambda: calls(
            "call i64 @h(ptr byval([9000 x i64]) null)",
            "define private i64 @h(ptr byval([9000 x i64]) %p) noinline { ret i64 1 }\n",
        ),
        "large frame",
        3,
    ),
    "a function that is aligned too much": (
        lambda: bad(ir(RET, attributes="nounwind align 8192")),
        "`bad.impl` is aligned to more than 4096 bytes",
        2,
    ),
    "an alias that is called without tailcc": (
        lambda: calls(
            "call i64 @b(i64 %x)",
            "@a = private alias i64 (i64), ptr @h\n@b = private alias i64 (i64), ptr @a\n"
            "define private tailcc i64 @h(i64 %y) { ret i64 %y }\n",
        ),
        "calls `b` without tailcc",
        6,
    ),
    "an array that is too large for a value": (
        lambda: bad(ir(f"%a = load [100000 x i64], ptr null\n{RET}")),
        "LLVM cannot compile it",
        0,
    ),
    "an intrinsic of other types, which LLVM would bring up to date": (
        lambda: bad(
            ir(
                f"%s = call i64 @llvm.objectsize.i64.p0(ptr null, i1 false, i1 true, i1 true)\n{RET}",
                "declare i32 @llvm.objectsize.i64.p0(ptr, i1, i1, i1)",
            )
        ),
        "as i64 (ptr, i1, i1, i1), but `llvm.objectsize.i64.p0` is i32 (ptr, i1, i1, i1)",
        3,
    ),
    "an intrinsic of other types, which is called by others again": (
        lambda: calls("call i64 @llvm.ctpop.i64(i32 0)", "declare i32 @llvm.ctpop.i64(i32)"),
        "calls `llvm.ctpop.i64` as i64 (i32), but `llvm.ctpop.i64` is i32 (i32)",
        3,
    ),
    "an intrinsic in its old form, called in its new one": (
        lambda: calls("tail call i64 @llvm.cttz.i64(i64 %x,\n i1 false)", "declare i64 @llvm.cttz.i64(i64)"),
        "calls `llvm.cttz.i64` as i64 (i64, i1), but `llvm.cttz.i64` is i64 (i64)",
        3,
    ),
    "an intrinsic whose name has escapes, in its old form": (
        lambda: calls('call i64 @"\\6clvm.cttz.i64"(i64 %x, i1 0)', 'declare i64 @"\\6clvm.cttz.i64"(i64)'),
        "LLVM cannot compile it",
        1,
    ),
    "a vector that is too wide": (
        lambda: bad(ir(f"%v = insertelement <65536 x i64> zeroinitializer, i64 %x, i32 0\n{RET}")),
        "LLVM cannot compile it",
        0,
    ),
    "an atomic access that is not aligned": (
        lambda: bad(ir(f"%p = alloca i64\n%o = atomicrmw add ptr %p, i64 1 seq_cst, align 4\n{RET}")),
        "its code needs `__atomic_compare_exchange`, which the process does not have",
        0,
    ),
    "a call in assembly of a function that is nowhere": (
        lambda: bad(ir(f'call void asm sideeffect "jmp 1f; callq no_such@PLT; 1:", ""()\n{RET}')),
        "its code needs `no_such`, which the process does not have",
        0,
    ),
    "a tail call with any number of arguments": (
        lambda: calls(
            "call i64 (i64, ...) @h(i64 %x, i64 3)",
            "define private i64 @k(i64 %y, ...) noinline {\nret i64 %y\n}\n"
            "define private i64 @h(i64 %y, ...) noinline {\n"
            "%r = musttail call i64 (i64, ...) @k(i64 %y, ...)\nret i64 %r\n}\n",
        ),
        "LLVM cannot compile it: cannot guarantee tail call due to mismatched varargs",
        0,
    ),
    "an attribute of no meaning that is called nounwind": (
        lambda: bad(ir(RET, attributes='"nounwind"')),
        "is not nounwind",
        2,
    ),
    "a result that is a token": (
        lambda: bad("define tailcc token @bad.impl(i64 %x) nounwind {\nunreachable\n}\n"),
        "Function returns a token but isn't an intrinsic",
        0,
    ),
    "a data layout that is none": (
        lambda: bad('target datalayout = "nonsense"\n' + ir(RET)),
        "size must be a non-zero 24-bit integer",
        1,
    ),
    "a large integer as a parameter": (
        lambda: bad("define tailcc i64 @bad.impl(i4096 %x) nounwind {\nret i64 1\n}\n"),
        "its body is i64 (i4096), but its signature i64 (i64)",
        1,
    ),
    "no text but spaces": (lambda: bad(" \n\t"), "defines nothing, but not its body", 0),
    "a mark of the order of bytes": (lambda: bad("\ufeff" + ir(RET)), "expected top-level entity", 1),
    # Fields
    "a signature that is none": (lambda: bad(ir(RET), "i64 (i64)"), "its signature a Signature", 0),
    "a name that is a number": (lambda: bad(ir(RET), name=5), "its symbol and name are texts", 0),
    "calls without signatures": (lambda: bad(ir(RET), calls={"g": "i64 (i64)"}), "its `calls` are Signatures", 0),
    "a list of calls": (lambda: bad(ir(RET), calls=["g"]), "its `calls` are Signatures by the symbols", 0),
    "its own body among its calls": (lambda: bad(ir(RET), calls={"bad.impl": INTEGER}), "symbols of other units", 0),
    "an address that is none": (lambda: bad(ir(RET), externals={"h": None}), "the address of `h` is None", 0),
    "an address beyond memory": (lambda: bad(ir(RET), externals={"h": 2**70}), "the address of `h` is 11805916", 0),
    "the address zero": (lambda: bad(ir(RET), externals={"h": 0}), "the address of `h` is 0", 0),
    "an external with a name of the engine": (lambda: bad(ir(RET), externals={"jit.h": 1}), "`jit.h` among its", 0),
    "data that is a text": (lambda: bad(ir(RET), data="d"), "its `data` are a set of symbols", 0),
    "a counter that is none": (lambda: bad(ir(RET), counter="never"), "its counter is a RunCounter", 0),
}

ADDS = "define private fastcc i64 @h(i64 %y) {\n%r = add i64 %y, 1\nret i64 %r\n}\n"


def inlined(levels: int) -> str:
    """Helpers that are always inlined, each of which calls the one before twice."""
    first = "define private i64 @h0(i64 %y) alwaysinline {\n%r = mul i64 %y, 3\nret i64 %r\n}\n"
    helpers = [
        f"define private i64 @h{n}(i64 %y) alwaysinline {{\n"
        f"%a = call i64 @h{n - 1}(i64 %y)\n%r = call i64 @h{n - 1}(i64 %a)\nret i64 %r\n}}\n"
        for n in range(1, levels)
    ]
    return "".join([first, *helpers])


def unrolled(hint: str, iterations: int) -> str:
    """A loop with a hint; its value is 243 times as much, if it has five iterations."""
    lines = (
        "br label %l",
        "l:",
        "%n = phi i64 [ 0, %0 ], [ %m, %l ]",
        "%a = phi i64 [ %x, %0 ], [ %b, %l ]",
        "%b = mul i64 %a, 3",
        "%m = add i64 %n, 1",
        f"%c = icmp eq i64 %m, {iterations}",
        "br i1 %c, label %d, label %l, !llvm.loop !0",
        "d:",
        "ret i64 %b",
    )
    return ir("\n".join(lines)) + f'!0 = distinct !{{!0, !1}}\n!1 = !{{!"llvm.loop.{hint}"}}\n'


ACCEPTED: Mapping[str, tuple[Callable[[], Unit], int]] = {
    "a unit": (lambda: bad(ir(RET)), 5),
    "helpers that are always inlined": (lambda: calls("call i64 @h3(i64 %x)", inlined(4)), 5 * 3**8),
    "a loop that is unrolled": (lambda: bad(unrolled("unroll.full", 5)), 1215),
    "a loop that is not unrolled": (lambda: bad(unrolled("unroll.disable", 5)), 1215),
    "a call": (lambda: calls("call tailcc i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", **G), 10),
    "a tail call": (lambda: calls("musttail call tailcc i64 @g(i64 %x)", "declare tailcc i64 @g(i64)", **G), 10),
    "a call with attributes": (
        lambda: calls(
            "notail call tailcc noundef i64 @g(i64 noundef range(i64 0, 9) %x) nounwind",
            "declare tailcc noundef i64 @g(i64 noundef range(i64 0, 9)) willreturn",
            **G,
        ),
        10,
    ),
    "a call through a pointer": (
        lambda: (
            calls("call tailcc i64 %p(i64 %x)", "declare tailcc i64 @g(i64)", **G)
            and bad(
                ir(
                    "%c = icmp eq i64 %x, 0\n%p = select i1 %c, ptr null, ptr @g\n"
                    "%r = call tailcc i64 %p(i64 %x)\nret i64 %r",
                    "declare tailcc i64 @g(i64)",
                ),
                **G,
            )
        ),
        10,
    ),
    "a call that the text of a name seems to have": (
        lambda: bad(ir('%" = call i64 @g(" = add i64 %x, 1\nret i64 %" = call i64 @g("')),
        6,
    ),
    "a callee that is not called": (lambda: bad(ir(RET), **G), 5),
    "a C function": (lambda: calls("call i64 @labs(i64 %x)", "declare i64 @labs(i64)"), 5),
    "a C function that is declared, and not used": (lambda: bad(ir(RET, "declare i64 @no_such(i64)")), 5),
    "a C function with any number of arguments": (
        lambda: bad(
            ir(
                "%b = alloca [64 x i8]\n%r = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %b, i64 64, ptr @f, "
                "i64 %x)\n%s = sext i32 %r to i64\nret i64 %s",
                '@f = private constant [5 x i8] c"%ld\\0A\\00"\n',
                "declare i32 @snprintf(ptr, i64, ptr, ...)\n",
            )
        ),
        2,
    ),
    "a C function that returns a structure": (
        lambda: bad(
            ir(
                "%d = call { i64, i64 } @lldiv(i64 %x, i64 2)\n%r = extractvalue { i64, i64 } %d, 0\nret i64 %r",
                "declare { i64, i64 } @lldiv(i64, i64)",
            )
        ),
        2,
    ),
    "helpers of other conventions": (lambda: calls("call fastcc i64 @h(i64 %x)", ADDS), 6),
    "a helper behind a private alias": (
        lambda: calls("call fastcc i64 @a(i64 %x)", ADDS + "@a = private alias i64 (i64), ptr @h\n"),
        6,
    ),
    "a constant": (lambda: calls("load i64, ptr @n", "@n = private constant i64 7\n"), 7),
    "a constant with a text of IR": (
        lambda: calls(
            "load i64, ptr @n", '@n = internal constant i64 7\n@t = private constant [8 x i8] c"@g(\\22call"\n'
        ),
        7,
    ),
    "attributes of a group": (lambda: bad(ir(RET, attributes="#7") + "attributes #7 = { nounwind }\n"), 5),
    "types and comments": (
        lambda: bad(
            "; call i64 @g(double 0)\n%T = type { i64 }\n"
            + ir("%p = alloca %T\nstore i64 %x, ptr %p\n%r = load i64, ptr %p ; call i64 @g(double 0)\nret i64 %r")
        ),
        5,
    ),
    "a switch": (
        lambda: bad(
            ir("switch i64 %x, label %d [\n i64 5, label %a\n i64 6, label %a\n]\na:\nret i64 1\nd:\nret i64 2")
        ),
        1,
    ),
    "inline assembly": (lambda: calls('call i64 asm sideeffect "leaq 1($1), $0", "=r,r"(i64 %x)', ""), 6),
    "inline assembly that names a function": (
        lambda: bad(ir('call void asm sideeffect "# call @g(", ""()\nret i64 %x')),
        5,
    ),
    "inline assembly with a pointer": (
        lambda: bad(ir('call void asm sideeffect "# $0", "r"(ptr @g)\nret i64 %x', "declare tailcc i64 @g(i64)"), **G),
        5,
    ),
    "a module for another machine": (lambda: bad('target triple = "aarch64-linux-gnu"\n' + ir(RET)), 5),
    "debug information": (
        lambda: bad(
            ir(RET, attributes="nounwind !dbg !3") + "!llvm.module.flags = !{!0}\n!llvm.dbg.cu = !{!1}\n"
            '!0 = !{i32 2, !"Debug Info Version", i32 3}\n!1 = distinct !DICompileUnit(language: DW_LANG_C, file: '
            '!2)\n!2 = !DIFile(filename: "a", directory: "b")\n!3 = distinct !DISubprogram(name: "f", file: !2, '
            "line: 1, type: !4, spFlags: DISPFlagDefinition, unit: !1)\n!4 = !DISubroutineType(types: !5)\n"
            "!5 = !{null}\n"
        ),
        5,
    ),
    "odd widths": (
        lambda: bad(ir("%a = zext i64 %x to i1000\n%b = mul i1000 %a, %a\n%c = trunc i1000 %b to i64\nret i64 %c")),
        25,
    ),
    "an array on the stack, and probes": (
        lambda: bad(
            ir(
                "%a = alloca [9000 x i64]\nstore volatile i64 %x, ptr %a\n%r = load i64, ptr %a\nret i64 %r",
                attributes=f"nounwind {PROBED}",
            )
        ),
        5,
    ),
    "addresses of blocks": (
        lambda: bad(
            ir(
                "%c = icmp eq i64 %x, 5\n%p = select i1 %c, ptr blockaddress(@bad.impl, %a), "
                "ptr blockaddress(@bad.impl, %b)\nindirectbr ptr %p, [label %a, label %b]\n"
                "a:\nret i64 11\nb:\nret i64 12"
            )
        ),
        11,
    ),
    "a scalable vector": (lambda: bad(ir("%a = alloca <vscale x 4 x i32>\nret i64 %x")), 5),
    "all in quotes": (
        lambda: bad(
            'define tailcc i64 @"\\62ad.impl"(i64 %"x y\\22") nounwind {\n"a b":\nbr label %"c\\0Ad"\n"c\\0Ad":\n'
            'ret i64 %"x y\\22"\n}\n'
        ),
        5,
    ),
    "names that are numbers": (
        lambda: calls("call i64 @0(i64 %x)", "define private i64 @0(i64 %y) {\nret i64 %y\n}\n"),
        5,
    ),
    "a label that seems to be a call": (
        lambda: bad(ir('br label %"call i64 @g(i64 %x)"\n"call i64 @g(i64 %x)":\nret i64 %x')),
        5,
    ),
    "a name that seems to be a constant": (
        lambda: bad(ir('%"c" = add i64 %x, 1\n%" c" = add i64 %"c", 1\nret i64 %" c"')),
        7,
    ),
    "names of digits that seem to be types": (lambda: bad(ir("%i7 = add i64 %x, 1\nret i64 %i7")), 6),
    "types of pointers": (
        lambda: bad(ir("%p = alloca i64\nstore i64 %x, i64* %p\n%r = load i64, i64* %p\nret i64 %r")),
        5,
    ),
    "branch weights": (
        lambda: bad(
            ir("%c = icmp eq i64 %x, 5\nbr i1 %c, label %a, label %b, !prof !0\na:\nret i64 1\nb:\nret i64 2")
            + '!0 = !{ !"branch_weights", i32 1, i32 99 }\n'
        ),
        1,
    ),
    "prefix data": (lambda: bad(ir(RET, attributes="nounwind prefix i64 123")), 5),
    "a large integer as an argument": (
        lambda: calls(
            "call i64 @h(i4096 5)",
            "define private i64 @h(i4096 %y) noinline nounwind { %r = trunc i4096 %y to i64 ret i64 %r }\n",
        ),
        5,
    ),
    "a number of 80 bits": (
        lambda: bad(ir("%z = sitofp i64 %x to x86_fp80\n%r = fptosi x86_fp80 %z to i64\nret i64 %r")),
        5,
    ),
    "a copy as an argument": (
        lambda: bad(
            ir(
                "%p = alloca i64\nstore i64 %x, ptr %p\n%r = call i64 @h(ptr byval(i64) %p)\nret i64 %r",
                "define private i64 @h(ptr byval(i64) %p) noinline nounwind { %r = load i64, ptr %p ret i64 %r }\n",
            )
        ),
        5,
    ),
    "a jump in assembly": (
        lambda: bad(ir('callbr void asm sideeffect "", "!i"() to label %a [label %b]\na:\nret i64 1\nb:\nret i64 2')),
        1,
    ),
    "another order of bytes": (lambda: bad('target datalayout = "E-p:32:32-i64:128"\n' + ir(RET)), 5),
    "a source with a NUL": (lambda: bad('source_filename = "a\\00b"\n' + ir(RET)), 5),
    "its own body as a callee": (
        lambda: bad(
            ir(
                "%c = icmp eq i64 %x, 0\nbr i1 %c, label %a, label %b\na:\nret i64 7\nb:\n%m = sub i64 %x, 1\n"
                "%r = call tailcc i64 @bad.impl(i64 %m)\nret i64 %r"
            )
        ),
        7,
    ),
    "thousands of parameters": (
        lambda: calls(
            f"call i64 @h({', '.join(['i64 %x'] * 2000)})",
            f"define private i64 @h({', '.join(f'i64 %a{n}' for n in range(2000))}) noinline {{ ret i64 %a1999 }}\n",
        ),
        5,
    ),
    "a constant with words in its section": (
        lambda: calls("load i64, ptr @n", '@n = private constant i64 7, section "a align b, comdat c"\n'),
        7,
    ),
    "an atomic access that is aligned": (
        lambda: bad(
            ir(
                "%p = alloca i32\nstore i32 4, ptr %p\n%o = atomicrmw add ptr %p, i32 1 seq_cst, align 4\n"
                "%v = load atomic i32, ptr %p seq_cst, align 4\n%r = zext i32 %v to i64\nret i64 %r"
            )
        ),
        5,
    ),
    "structures on the stack": (
        lambda: bad(
            "%A = type { i64, %B }\n%B = type { [9 x i64] }\n"
            + ir("%a = alloca %A\nstore i64 %x, ptr %a\n%r = load i64, ptr %a\nret i64 %r")
        ),
        5,
    ),
    "windows of lines": (lambda: bad(ir(RET).replace("\n", "\r\n")), 5),
}

DOUBLES = Unit("g", INTEGER, "define tailcc i64 @g.impl(i64 %x) nounwind {\n%r = mul i64 %x, 2\nret i64 %r\n}\n")


def refused(name: str) -> list[Any]:
    make, _, _ = REFUSED[name]
    unit = make()
    with Engine(Policy(background=False)) as engine:
        try:
            engine.define(DOUBLES, unit)
        except UnitError as error:
            return [error.unit is unit, str(error), error.line]
        return [False, "accepted", 0]


def accepted(name: str) -> list[Any]:
    make, _ = ACCEPTED[name]
    with Engine(Policy(background=False)) as engine:
        try:
            engine.define(DOUBLES, make())
            first = engine.call("bad", 5)
            engine.optimize("bad")
            return [first, engine.call("bad", 5)]
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    for each in sys.argv[1:] or [*REFUSED, *ACCEPTED]:
        print(json.dumps([each, refused(each) if each in REFUSED else accepted(each)]), flush=True)
