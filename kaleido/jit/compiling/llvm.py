"""llvmlite: modules for this machine, the -O3 pipeline, object code; and every use of a private part of llvmlite.

An upgrade of llvmlite is checked against this file alone. Its workarounds:

- a pass manager that has run is disposed of by hand, see :meth:`_Optimizer.run`;
- a module has its context as a private attribute, see :func:`link_in`;
- llvmlite has one lock around all of LLVM; it is held over a fork, see the last line;
- optimized compilation takes most of its time in two calls, which are made without that lock, see :class:`_Optimizer`;
- a check, and the code of a single unit at the baseline, take that lock once: see :func:`is_valid` and
  :meth:`Target.emit_alone`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_char_p, string_at
from functools import cache, cached_property
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi
from llvmlite.binding.newpassmanagers import NewPassManager

from kaleido.jit.ahead_of_time import HOST, Machine
from kaleido.jit.compiling.object_code import ObjectCode, elf_text_size
from kaleido.jit.policy import Policy
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.unit import Tier

__all__ = [
    "SharedContext",
    "Target",
    "closed_on_error",
    "host_description",
    "host_has_fused_multiply_add",
    "is_valid",
    "link_in",
    "link_to",
    "parse",
    "parse_alone",
    "parse_as_it_is",
    "rename",
    "text_size",
]


def parse_alone(ir: str) -> llvm.ModuleRef:
    """:func:`parse` in a new context, which is disposed of with the module."""
    return parse(ir, llvm.create_context())


def parse(ir: str, context: llvm.ContextRef) -> llvm.ModuleRef:
    """LLVM assembly as a verified module for this machine.

    Raises ValueError with LLVM's message where the text is not a valid module.
    """
    try:
        module = llvm.parse_assembly(ir, context)
        with closed_on_error(module):
            module.triple, module.data_layout = _format()
            module.verify()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return module


def parse_as_it_is(ir: str, context: llvm.ContextRef | None = None) -> llvm.ModuleRef:
    """LLVM assembly as a verified module for the machine that it names, to be looked at. Raises ValueError."""
    try:
        module = llvm.parse_assembly(ir, context or llvm.create_context())
        with closed_on_error(module):
            module.verify()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return module


def is_valid(ir: str, context: llvm.ContextRef) -> bool:
    """Whether LLVM parses and verifies a text; :func:`parse_as_it_is` says why not.

    It takes llvmlite's lock once: for a small module, its objects take as long as LLVM.
    """
    with _module_alone(ir, context) as (module, message):
        return bool(module) and not _without_lock(ffi.lib.LLVMPY_VerifyModule)(module, byref(message))


@contextmanager
def _module_alone(ir: str, context: llvm.ContextRef) -> Iterator[tuple[Any, c_char_p]]:
    """A block with llvmlite's lock, a module as LLVM parses it, null where it does not, and a place for messages."""
    lib, message = ffi.lib, c_char_p(None)
    with lib._lock:
        try:
            module = _without_lock(lib.LLVMPY_ParseAssembly)(context, ir.encode(), byref(message))
            try:
                yield module, message
            finally:
                if module:
                    _without_lock(lib.LLVMPY_DisposeModule)(module)
        finally:
            _without_lock(lib.LLVMPY_DisposeString)(message)


class SharedContext:
    """A context for modules that are looked at and disposed of at once. Any thread may use it.

    A new one takes longer than parsing a small module. It keeps types and constants, so it is not used for ever.
    """

    _MOST_USES = 64

    def __init__(self) -> None:
        self._context: llvm.ContextRef | None = None
        self._uses = 0

    def get(self) -> llvm.ContextRef:
        # Modules keep their context, if another thread replaces it.
        context = self._context
        if context is None or self._uses >= self._MOST_USES:
            self._context, self._uses = context, _ = llvm.create_context(), 0
        self._uses += 1
        return context


_shared_context = SharedContext()


def link_in(module: llvm.ModuleRef, ir: str, prepare: Callable[[llvm.ModuleRef], None] | None = None) -> None:
    """Parse `ir`, change it by `prepare`, and link it into `module`. Raises ValueError."""
    # Both modules must be in one context, which llvmlite keeps in a private attribute.
    added = parse(ir, module._context)
    with closed_on_error(added):
        if prepare is not None:
            prepare(added)
    module.link_in(added)


def link_to(ir: str, module: llvm.ModuleRef) -> llvm.ModuleRef:
    """A module with the definitions of `ir` before those of `module`, which is used up. Raises ValueError."""
    first = parse(ir, module._context)
    with closed_on_error(first):
        first.link_in(module)
    return first


def rename(module: llvm.ModuleRef, names: Mapping[str, str]) -> None:
    """Rename functions, as far as the module has them. Raises ValueError where it has the new name already."""
    for old, new in names.items():
        try:
            function = module.get_function(old)
        except NameError:
            continue
        function.name = new
        if function.name != new:
            raise ValueError(f"the module defines `{new}`")


@contextmanager
def closed_on_error(module: llvm.ModuleRef) -> Iterator[None]:
    """Dispose of `module` if the block raises.

    A module must be disposed of before its context. The traceback of an exception can keep both alive in one reference
    cycle, and the garbage collector finalizes the objects of a cycle in any order.
    """
    try:
        yield
    except BaseException:
        module.close()
        raise


class Target:
    """The processor that code is for, the same for both tiers: results must not depend on the tier.

    By default, that is the host's, with all its features. Modules are parsed for the host: see :meth:`format`.

    Object code is position independent and can be loaded at any address. The loader relaxes accesses to addresses that
    are near enough into direct ones.
    """

    def __init__(self, policy: Policy, purpose: Machine = HOST) -> None:
        self.policy = policy
        self._purpose = purpose

    @cached_property
    def machine(self) -> llvm.TargetMachine:
        """That of the baseline."""
        return _machine(0, self._purpose)

    @cached_property
    def _optimizer(self) -> _Optimizer:
        return _Optimizer(self._purpose)

    def format(self, module: llvm.ModuleRef) -> None:
        """Make a module one for this target."""
        if not self._purpose.is_host:
            module.triple, module.data_layout = self.machine.triple, str(self.machine.target_data)

    def simplify(self, module: llvm.ModuleRef, *, unroll: bool) -> None:
        """Run LLVM's -O3 pipeline without what makes code larger; `unroll` says whether loops are unrolled.

        It leaves no critical edge between blocks, and loops in LLVM's simple form, closed by phis (LCSSA).
        """
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_unrolling = unroll
        options.loop_interleaving = options.loop_vectorization = options.slp_vectorization = False
        self._run(module, options, canonical=True)

    def bind(self, module: llvm.ModuleRef) -> None:
        """Inline what is always inlined, in place, and do nothing else: LLVM's -O0 pipeline."""
        self._run(module, llvm.create_pipeline_tuning_options(speed_level=0))

    def optimize(self, module: llvm.ModuleRef) -> None:
        """Run LLVM's -O3 pipeline over `module`, in place."""
        self._run(module, llvm.create_pipeline_tuning_options(speed_level=3))

    def _run(self, module: llvm.ModuleRef, options: llvm.PipelineTuningOptions, *, canonical: bool = False) -> None:
        options.inlining_threshold = self.policy.inline_threshold
        self._optimizer.run(module, options, canonical=canonical)

    def emit(self, module: llvm.ModuleRef, tier: Tier) -> ObjectCode:
        """Machine code for `module` as it is; at the baseline by LLVM's fast instruction selector."""
        data = self.machine.emit_object(module) if tier is Tier.BASELINE else self._optimizer.emit(module)
        return self._object_code(data)

    def emit_alone(self, ir: str) -> ObjectCode | None:
        """Baseline code for LLVM assembly as it is. None for another machine, and where LLVM rejects the text.

        The same as :func:`parse_alone` and :meth:`emit`, in a context that the next module shares, and without
        llvmlite's objects. For a unit of some instructions these take a quarter of the time.
        """
        if not self._purpose.is_host:
            return None
        triple, layout = _format_in_c()
        lib = ffi.lib
        with _module_alone(ir, _shared_context.get()) as (module, message):
            if not module:
                return None
            _without_lock(lib.LLVMPY_SetTarget)(module, triple)
            _without_lock(lib.LLVMPY_SetDataLayout)(module, layout)
            if _without_lock(lib.LLVMPY_VerifyModule)(module, byref(message)):
                return None
            data = _emitted(self.machine, module, byref(message))
        return self._object_code(data) if data is not None else None

    def _object_code(self, data: bytes) -> ObjectCode:
        if self.policy.debug:
            from kaleido.jit.compiling.stale_registers import without_stale_registers

            data = without_stale_registers(data)
        size = elf_text_size(data)
        return ObjectCode(data, size if size is not None else text_size(data))

    def assembly(self, module: llvm.ModuleRef, tier: Tier) -> str:
        """The machine code that :meth:`emit` produces, as assembly text."""
        if tier is Tier.OPTIMIZED:
            return self._optimizer.assembly(module)
        text: str = self.machine.emit_assembly(module)
        return text


class _Optimizer:
    """The target machine for -O3, and what runs without llvmlite's lock.

    LLVM works on several threads at once, if each has modules of a context of its own. llvmlite's lock is for callers
    that share them. The modules here are of one context each (:func:`parse_alone`), and the machine is protected by a
    lock of this object. So code can be compiled at the baseline while a pass run of some 100 ms is in progress.

    Limit: an application that changes LLVM's global options (``llvmlite.binding.set_option``) does that at startup.
    """

    def __init__(self, purpose: Machine) -> None:
        self._machine = _machine(3, purpose)
        self._lock = fork_safe(threading.Lock(), LockOrder.OPTIMIZER)

    def run(self, module: llvm.ModuleRef, options: llvm.PipelineTuningOptions, *, canonical: bool) -> None:
        """Run the pass pipeline of `options` over a module, in place."""
        # A pass manager aborts the process when it runs a second time, and a pass builder that is kept is slower.
        with self._lock:
            builder = llvm.create_pass_builder(self._machine, options)
            manager = builder.getModulePassManager()
            if canonical:
                manager.add_break_critical_edges_pass()
                manager.add_loop_simplify_pass()
                manager.add_lcssa_pass()
            try:
                _without_lock(ffi.lib.LLVMPY_RunNewModulePassManager)(manager, module, builder)
            finally:
                # Its close() frees nothing: the method resolution order finds the base class whose _dispose is empty.
                # A pass manager holds 60 KB. (The builder leaks 1.5 KB, which only llvmlite could free.)
                NewPassManager._dispose(manager)
                manager.detach()

    def emit(self, module: llvm.ModuleRef) -> bytes:
        """The object file of a module, as ``TargetMachine.emit_object``. Raises RuntimeError."""
        with self._lock, ffi.OutputString() as message:
            data = _emitted(self._machine, module, message)
            if data is None:
                raise RuntimeError(str(message))
            return data

    def assembly(self, module: llvm.ModuleRef) -> str:
        with self._lock:
            text: str = self._machine.emit_assembly(module)
            return text


def _without_lock(function: Any) -> Callable[..., Any]:
    """A function of llvmlite's library as ctypes calls it."""
    call: Callable[..., Any] = function._cfn
    return call


def _emitted(machine: llvm.TargetMachine, module: Any, message: Any) -> bytes | None:
    """The object file of a module. None where LLVM fails, and says why in `message`."""
    lib = ffi.lib
    buffer = _without_lock(lib.LLVMPY_TargetMachineEmitToMemory)(machine, module, int(True), message)
    if not buffer:
        return None
    begin, size = _without_lock(lib.LLVMPY_GetBufferStart), _without_lock(lib.LLVMPY_GetBufferSize)
    try:
        return string_at(begin(buffer), size(buffer))
    finally:
        _without_lock(lib.LLVMPY_DisposeMemoryBuffer)(buffer)


def text_size(data: bytes) -> int:
    """The size of the machine code in an object file of any format."""
    return sum(section.size() for section in llvm.ObjectFileRef.from_data(data).sections() if section.is_text())


@cache
def _format() -> tuple[str, str]:
    """The host's triple and data layout: a module without a layout is optimized for another than it is emitted for."""
    machine = _machine(0, HOST)
    return machine.triple, str(machine.target_data)


@cache
def _format_in_c() -> tuple[bytes, bytes]:
    triple, layout = _format()
    return triple.encode(), layout.encode()


def _machine(level: int, purpose: Machine) -> llvm.TargetMachine:
    """Raises ValueError for an unknown platform."""
    target, cpu, features = _host() if purpose.is_host else _foreign(purpose)
    return target.create_target_machine(cpu, features, opt=level, reloc="pic", codemodel="small")


def _foreign(purpose: Machine) -> tuple[llvm.Target, str, str]:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    host, cpu, features = _host()
    if purpose.triple:
        try:
            target = llvm.Target.from_triple(purpose.triple)
        except RuntimeError as error:
            raise ValueError(str(error)) from None
        return target, purpose.cpu, ""
    return (host, cpu, features) if purpose.cpu == "native" else (host, purpose.cpu, "")


def host_description() -> str:
    """The processor's name and features, as LLVM calls them."""
    host, cpu, features = _host()
    return f"{host.name} {cpu} {features}"


@cache
def _host() -> tuple[llvm.Target, str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # Inline assembly is parsed at emission. Without a parser, LLVM ends the process.
    llvm.initialize_native_asmparser()
    # The loop vectorizer may vectorize what is independent in a loop whose sum is added in order. It does not change
    # results, so that it does no harm to others in the process.
    llvm.set_option("", "-force-ordered-reductions")
    return llvm.Target.from_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def host_has_fused_multiply_add() -> bool:
    """Whether ``llvm.fma.f64`` is an instruction of the host's processor. Elsewhere it is a slow call of ``fma``."""
    host, _, _ = _host()
    # It belongs to the base instruction set of the processors that are named here.
    return llvm.get_host_cpu_features().get("fma", False) or host.name in ("aarch64", "ppc64le")


fork_safe(ffi.lib._lock._lock, LockOrder.LLVM)
