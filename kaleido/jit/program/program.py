"""The tables of one engine, and what works on them."""

from __future__ import annotations

from collections.abc import Mapping

from kaleido.jit.compiling.lazy_compiler import LazyCompiler
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.native.stubs import Stubs
from kaleido.jit.policy import Policy
from kaleido.jit.program.access import Access
from kaleido.jit.program.compilation import VersionCompiler
from kaleido.jit.program.data import DataTable
from kaleido.jit.program.dependencies import Dependencies
from kaleido.jit.program.event_stream import EventStream
from kaleido.jit.program.publication import Publisher
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.symbols import SymbolTable
from kaleido.jit.program.versions import Version

__all__ = ["Program"]


class Program:
    """The definitions of one engine. Everything in it is used under ``access.lock``.

    ===============  ===================================================================
    `symbols`        the symbol table: what each name means, and the call graph
    `data`           the variables that units share
    `externals`      the addresses of C symbols that every unit may use
    `dependencies`   which optimized code inlined which versions
    `compiler`       versions to loaded code
    `publisher`      which code each stub leads to
    `reclaimer`      when code that is out of use is freed
    `events`         the listeners
    ===============  ===================================================================
    """

    def __init__(
        self,
        policy: Policy,
        access: Access,
        compiler: LazyCompiler,
        loader: Loader,
        runtime: Runtime,
        externals: Mapping[str, int],
    ) -> None:
        self.access, self.externals = access, dict(externals)
        self.symbols, self.dependencies, self.events = SymbolTable(), Dependencies(), EventStream()
        self.reclaimer = Reclaimer(runtime)
        self.data = DataTable(runtime, self.reclaimer)
        stubs = Stubs(runtime, profiled=policy.speculate)
        self.publisher = Publisher(policy, stubs, self.reclaimer, self.dependencies, self.events)
        self.compiler = VersionCompiler(
            policy,
            compiler,
            loader,
            self.symbols,
            self.publisher,
            self.reclaimer,
            self.events,
            self.data,
            self.externals,
        )
        self.policy = policy

    def set_policy(self, policy: Policy) -> None:
        """Use `policy` from now on; what it means for existing code is done by ``reconfiguration``."""
        self.policy = self.publisher.policy = self.compiler.policy = policy

    def prepare(self, name: str) -> Version:
        """Compile whatever a symbol can reach that has no code; returns its version. Raises as ``Engine.prepare``."""
        version = self.symbols.defined(name)
        if version.reachable_compiled:
            return version
        for compilation, loaded in self.compiler.compile([version], {}, complete=True):
            self.compiler.install_optimized(compilation, loaded)
        return version
