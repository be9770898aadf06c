"""Units from the objects of llvmlite: functions of ``llvmlite.ir``, modules and bitcode of its binding."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from kaleido.jit import Engine, Signature, Tier, Unit, UnitError, c_name
from tests.jit.helpers import sync

INTEGER = ir.IntType(64)


def function(module: ir.Module, name: str, parameters: int = 1, convention: str = "tailcc") -> Any:
    made = ir.Function(module, ir.FunctionType(INTEGER, [INTEGER] * parameters), name)
    made.calling_convention = convention
    return made


def adds_one(module: ir.Module, name: str = "f", **options: Any) -> Any:
    made = function(module, name, **options)
    builder = ir.IRBuilder(made.append_basic_block())
    builder.ret(builder.add(made.args[0], INTEGER(1)))
    return made


def test_a_function_becomes_a_unit() -> None:
    made = adds_one(ir.Module("mine"))
    before = str(made.module)
    unit = Unit.from_function(made, name="plus one")
    assert (unit.symbol, unit.signature, unit.calls, unit.label) == ("f", Signature("i64", ("i64",)), {}, "plus one")
    with Engine(sync(2)) as engine:
        engine.define(unit)
        assert [engine.call("f", each) for each in range(4)] == [1, 2, 3, 4]
        assert engine.describe("f").tier is Tier.OPTIMIZED
    assert str(made.module) == before


def test_all_functions_of_a_module_become_units_that_call_each_other_and_themselves() -> None:
    module = ir.Module()
    even, odd = function(module, "is even"), function(module, 'odd "x"\\é')
    for one, other, zero in ((even, odd, 1), (odd, even, 0)):
        builder = ir.IRBuilder(one.append_basic_block())
        with builder.if_then(builder.icmp_signed("==", one.args[0], INTEGER(0))):
            builder.ret(INTEGER(zero))
        builder.ret(builder.call(other, [builder.sub(one.args[0], INTEGER(1))], tail="tail"))
    fib = function(module, "fib")
    builder = ir.IRBuilder(fib.append_basic_block())
    with builder.if_then(builder.icmp_signed("<", fib.args[0], INTEGER(2))):
        builder.ret(fib.args[0])
    calls = [builder.call(fib, [builder.sub(fib.args[0], INTEGER(less))]) for less in (1, 2)]
    builder.ret(builder.add(*calls))
    units = [Unit.from_function(each) for each in module.functions]
    assert [set(unit.calls) for unit in units] == [{'odd "x"\\é'}, {"is even"}, {"fib"}]
    with Engine(sync(2)) as engine:
        engine.define(*units)
        assert [engine.call("is even", each) for each in (10, 7, 10)] == [1, 0, 1]
        assert engine.call("fib", 15) == 610


def test_helpers_constants_and_c_functions_come_along() -> None:
    module = ir.Module()
    text = ir.GlobalVariable(module, ir.ArrayType(ir.IntType(8), 12), "text")
    text.global_constant, text.linkage = True, "private"
    text.initializer = ir.Constant(text.value_type, bytearray(b'call @"g"() \x00'[:11] + b"\x00"))
    unused = function(module, "not used")
    helper = adds_one(module, "helper", convention="fastcc")
    helper.linkage = "internal"
    strlen = ir.Function(module, ir.FunctionType(INTEGER, [ir.PointerType()]), "strlen")
    made = function(module, "f")
    builder = ir.IRBuilder(made.append_basic_block())
    size = builder.call(strlen, [builder.bitcast(text, ir.PointerType())])
    builder.ret(builder.call(helper, [builder.add(size, made.args[0])]))
    unit = Unit.from_function(made)
    assert unit.calls == {} and unused.name not in unit.ir
    with Engine(sync(2)) as engine:
        engine.define(unit)
        assert [engine.call("f", 100) for _ in range(4)] == [112] * 4


def test_older_pointers_and_debug_information() -> None:
    module = ir.Module()
    made = ir.Function(module, ir.FunctionType(INTEGER, [INTEGER.as_pointer()]), "f")
    made.calling_convention = "tailcc"
    module.add_named_metadata("llvm.module.flags", [ir.IntType(32)(2), "Debug Info Version", ir.IntType(32)(3)])
    file = module.add_debug_info("DIFile", {"filename": "a", "directory": "b"})
    unit = module.add_debug_info("DICompileUnit", {"language": ir.DIToken("DW_LANG_C"), "file": file}, is_distinct=True)
    module.add_named_metadata("llvm.dbg.cu", unit)
    kind = module.add_debug_info("DISubroutineType", {"types": module.add_metadata([None])})
    described = {"name": "f", "file": file, "line": 1, "unit": unit, "type": kind}
    described["spFlags"] = ir.DIToken("DISPFlagDefinition")
    made.set_metadata("dbg", module.add_debug_info("DISubprogram", described, is_distinct=True))
    builder = ir.IRBuilder(made.append_basic_block())
    builder.ret(builder.load(made.args[0]))
    found = Unit.from_function(made)
    assert found.signature == Signature("i64", ("ptr",))
    with Engine() as engine:
        engine.define(found)
        engine.prepare("f")


def test_a_function_gives_c_another_one() -> None:
    module = ir.Module()
    unary = ir.FunctionType(INTEGER, [INTEGER])
    callback = ir.Function(module, unary, c_name("f"))
    made = function(module, "g")
    builder = ir.IRBuilder(made.append_basic_block())
    builder.ret(builder.call(callback, [made.args[0]]))
    unit = Unit.from_function(made)
    assert (sorted(unit.c_functions), dict(unit.calls)) == (["f"], {"f": Signature("i64", ("i64",))})
    with Engine(sync(2)) as engine:
        engine.define(unit, Unit.from_function(adds_one(module)))
        assert [engine.call("g", 1) for _ in range(4)] == [2] * 4


def test_structures_and_extensions_of_a_function() -> None:
    module = ir.Module()
    pair = ir.LiteralStructType([INTEGER, ir.DoubleType()])
    made = ir.Function(module, ir.FunctionType(ir.IntType(1), [pair, ir.IntType(8), ir.PointerType()]), "f")
    made.calling_convention = "tailcc"
    made.return_value.add_attribute("zeroext")
    made.args[1].add_attribute("signext")
    made.args[2].add_attribute("noalias")
    builder = ir.IRBuilder(made.append_basic_block())
    builder.ret(builder.icmp_signed("<", made.args[1], ir.IntType(8)(0)))
    unit = Unit.from_function(made)
    assert unit.signature == Signature("zeroext i1", ("{ i64, double }", "i8 signext", "ptr"))
    with Engine() as engine:
        engine.define(unit)
        engine.prepare("f")


def test_a_module_and_bitcode_are_given_as_text() -> None:
    text = "define tailcc i64 @f.impl(i64 %x) nounwind {\n ret i64 %x\n}\n"
    module = llvm.parse_assembly(text)
    signature = Signature("i64", ("i64",))
    for given in (str(module), str(llvm.parse_bitcode(module.as_bitcode()))):
        with Engine() as engine:
            engine.define(Unit("f", signature, given))
            assert engine.call("f", 3) == 3
    with (
        Engine() as engine,
        pytest.raises(UnitError, match="its IR is of type ModuleRef, not str; `str` of it is text"),
    ):
        engine.define(Unit("f", signature, module))


def test_what_cannot_be_a_unit_is_refused() -> None:
    module = ir.Module()
    varied = ir.Function(module, ir.FunctionType(INTEGER, [INTEGER], var_arg=True), "varied")
    ir.IRBuilder(varied.append_basic_block()).ret(INTEGER(0))
    strange = ir.Function(module, ir.FunctionType(INTEGER, [ir.MetaDataType()]), "strange")
    ir.IRBuilder(strange.append_basic_block()).ret(INTEGER(0))
    for wrong, message in [
        (function(module, "declared"), "declared: it is not a function of llvmlite.ir that has a definition"),
        (varied, "varied: varied has any number of arguments"),
        (strange, "strange: metadata is not a type"),
        (object(), "not a function of llvmlite.ir"),
    ]:
        with pytest.raises(UnitError, match=message):
            Unit.from_function(wrong)


def test_a_convention_that_is_set_too_late_is_reported() -> None:
    module = ir.Module()
    made = function(module, "f", convention="")
    builder = ir.IRBuilder(made.append_basic_block())
    builder.ret(builder.call(made, [made.args[0]]))
    made.calling_convention = "tailcc"
    with Engine() as engine, pytest.raises(UnitError, match="calls `f` without tailcc"):
        engine.define(Unit.from_function(made))
