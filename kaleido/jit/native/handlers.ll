; Signal handlers, and the way out of native code: the native part of faults.py, where the docstring explains the design.
;
; For Linux on x86-64. unprotected.ll has the same functions for every other platform, where they do nothing.
;
; A handler interrupts a thread between any two instructions. So nothing here takes a lock or allocates memory, and the
; only C functions called are _longjmp, signal, sigaction, raise and write, which are safe in a handler.
;
; LLVM's own tools read this file, from version 15 on (earlier ones have no opaque pointers by default):
;
;     llvm-as handlers.ll -o handlers.bc && opt -passes=verify -disable-output handlers.bc
;     llc -O0 handlers.ll -o -

target triple = "x86_64-unknown-linux-gnu"

; --- Data ----------------------------------------------------------------------------------------------------------

; A thread with protection: faults.NativeThread, which describes the fields.
%NativeThread = type {
  ptr,    ; 0 next     the next in the list of all of them
  i64,    ; 1 bottom   lowest address of the thread's stack, where the guard zone begins
  i64,    ; 2 extent   bytes of the stack, guard zone included; 0: it belongs to no thread
  ptr,    ; 3 jump     the jump buffer of the innermost entry; null outside of native code
  i64,    ; 4 outside  inside a C function: an address in the unit that called it; otherwise 0
  i64,    ; 5 pending  the fault for which the thread must leave native code as soon as it can
  i64,    ; 6 fault    the fault for which it has left
  i64,    ; 7 pc       where it was then: an address in the code of a unit, if one can be found
  i64,    ; 8 sp       and its stack pointer
  ptr,    ; 9 top      the jump buffer through which it left
  i64,    ; 10 owner   the thread pointer of the thread; 0: it belongs to no thread
  i64,    ; 11 entries how often native code was entered on it while none was running
  ptr,    ; 12 engine  the state of the engine of the innermost direct call
  i64,    ; 13 renewed when it last looked for handlers installed after ours: the processor's time stamp
  i64     ; 14 restored and how often Python had restored its own by then
}

; The machine code of all units: code_ranges.CodeRanges. An entry with the beginning 0 is unused.
%CodeRange = type {
  i64,    ; 0 begin
  i64     ; 1 end      the first address after the code
}
%CodeRanges = type {
  i64,              ; 0 capacity
  [0 x %CodeRange]  ; 1 entries
}

; The kernel's arguments to a handler, as far as they are needed: the beginning of siginfo_t, and of ucontext_t.
%SignalInfo = type {
  i32,    ; 0 signal
  i32,    ; 1 error
  i32,    ; 2 code
  ptr     ; 3 address    which could not be accessed: at byte 16
}
%SignalStack = type { ptr, i32, i64 }
%SignalAction = type {
  ptr,         ; 0 handler
  [16 x i64],  ; 1 mask
  i32,         ; 2 flags
  ptr          ; 3 restorer
}
%UserContext = type {
  i64,            ; 0 flags
  ptr,            ; 1 link
  %SignalStack,   ; 2 stack
  [23 x i64]      ; 3 registers  index 15 is RSP, at byte 160, and index 16 is RIP, at byte 168
}

; Constants. Those of faults.py must be the same there: tests/jit/native/test_handlers.py compares them.
@GUARD_ZONE = private unnamed_addr constant i64 65536       ; bytes: faults.GUARD_ZONE
@STACK_RESERVE = private unnamed_addr constant i64 262144   ; bytes: faults.STACK_RESERVE
@FAULT_OVERFLOW = private unnamed_addr constant i64 1       ; faults.Fault.OVERFLOW
@FORWARDED_MOST = private unnamed_addr constant i64 1000    ; faults in a row at one instruction that are passed on
@CALLER_DISTANCE = private unnamed_addr constant i64 4096   ; bytes of stack that are searched for a return address
@RENEWAL_CYCLES = private unnamed_addr constant i64 1048576 ; cycles of the time stamp counter
@OVERFLOW_FLAGS = private unnamed_addr constant i32 1207959556  ; SA_SIGINFO | SA_ONSTACK | SA_NODEFER
@CTRL_C_FLAGS = private unnamed_addr constant i32 134217732     ; SA_SIGINFO | SA_ONSTACK

; The head of the list of %NativeThread. They are added at the head, under a lock of Python's, and never removed.
@threads = global ptr null

; The handlers that were installed before ours: a function, or 0 (SIG_DFL), or 1 (SIG_IGN). If ours was installed again
; above a later one, the previous one is that, and may lead to ours again: then it goes on to the original one.
@previous.overflow = global ptr null
@original.overflow = global ptr null
@previous.interrupt = global ptr null

; Ctrl-C while the main thread is in native code: its %NativeThread, if it has called any; the pipe to the thread that
; stops it (running/interrupter.py); and the handler before ours.
@main.thread = global ptr null
@ctrl.c.pipe = global i32 -1
@previous.ctrl.c = internal global ptr null

; How often Python's handlers were restored: interrupts.RESTORED.
@signals.restored = external global i64

; Faults in a row that were passed on, at the same instruction: the previous handler may do nothing.
@forwarded.pc = internal global i64 0
@forwarded.count = internal global i64 0

; Points to a pointer to the current %CodeRanges: code_ranges.CodeRanges.address.
@code.ranges = external global ptr

; put_byte.HAND_OVER: the bytes of output that the thread holds back.
declare void @hand.over.bytes() nounwind
declare void @_longjmp(ptr, i32) noreturn nounwind
declare ptr @signal(i32, ptr) nounwind
declare i32 @raise(i32) nounwind
declare i32 @sigaction(i32, ptr, ptr) nounwind
declare i64 @write(i32, ptr, i64) nounwind
declare ptr @__errno_location() nounwind
declare ptr @llvm.frameaddress.p0(i32)
declare ptr @llvm.returnaddress(i32)
declare i64 @llvm.readcyclecounter()

; --- Searching -----------------------------------------------------------------------------------------------------

; The %NativeThread of the thread with the stack that contains `address`, or null.
define ptr @find.thread(i64 %address) nounwind {
  %first = load atomic ptr, ptr @threads acquire, align 8
  br label %look
look:
  %thread = phi ptr [%first, %0], [%next, %advance]
  %end = icmp eq ptr %thread, null
  br i1 %end, label %done, label %compare
compare:
  %bottom.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 1
  %extent.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 2
  %bottom = load i64, ptr %bottom.field
  %extent = load i64, ptr %extent.field
  %distance = sub i64 %address, %bottom
  %inside = icmp ult i64 %distance, %extent
  br i1 %inside, label %done, label %advance
advance:
  %next.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 0
  %next = load ptr, ptr %next.field
  br label %look
done:
  ret ptr %thread
}

; The %NativeThread of the thread with this thread pointer, or null.
define ptr @find.owner(i64 %thread.pointer) nounwind {
  %first = load atomic ptr, ptr @threads acquire, align 8
  br label %look
look:
  %thread = phi ptr [%first, %0], [%next, %advance]
  %end = icmp eq ptr %thread, null
  br i1 %end, label %done, label %compare
compare:
  %owner.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 10
  %owner = load i64, ptr %owner.field
  %own = icmp eq i64 %owner, %thread.pointer
  br i1 %own, label %done, label %advance
advance:
  %next.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 0
  %next = load ptr, ptr %next.field
  br label %look
done:
  ret ptr %thread
}

; Whether `address` is in the machine code of a unit. Another thread may be changing the table: the beginning of an
; entry is read before and after its end, and an entry that changed in between counts as unused.
define internal i1 @in.unit.code(i64 %address) nounwind {
  %table = load atomic ptr, ptr @code.ranges acquire, align 8
  %capacity.field = getelementptr %CodeRanges, ptr %table, i64 0, i32 0
  %capacity = load i64, ptr %capacity.field
  br label %look
look:
  %index = phi i64 [0, %0], [%next, %advance]
  %more = icmp ult i64 %index, %capacity
  br i1 %more, label %compare, label %not.found
compare:
  %begin.field = getelementptr %CodeRanges, ptr %table, i64 0, i32 1, i64 %index, i32 0
  %end.field = getelementptr %CodeRanges, ptr %table, i64 0, i32 1, i64 %index, i32 1
  %begin = load atomic i64, ptr %begin.field acquire, align 8
  %end = load atomic i64, ptr %end.field acquire, align 8
  %begin.again = load atomic i64, ptr %begin.field acquire, align 8
  %unchanged = icmp eq i64 %begin, %begin.again
  %used = icmp ne i64 %begin, 0
  %from.begin = icmp uge i64 %address, %begin
  %before.end = icmp ult i64 %address, %end
  %valid = and i1 %unchanged, %used
  %between = and i1 %from.begin, %before.end
  %inside = and i1 %valid, %between
  br i1 %inside, label %found, label %advance
advance:
  %next = add i64 %index, 1
  br label %look
found:
  ret i1 true
not.found:
  ret i1 false
}

; The address in the code of a unit at which native code is left: `pc`, or, if that is in other code, the innermost
; call of that code by a unit; `pc` again if no call is found. The stack will soon be overwritten, so this is the only
; time to search it: for a word that may be a return address, from `sp` upwards. The instruction after a call may be
; another function's first, so the address before it is looked up.
define internal i64 @locate(ptr %thread, i64 %pc, i64 %sp) nounwind {
  %jump.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 3
  %jump = load i64, ptr %jump.field
  %distance = load i64, ptr @CALLER_DISTANCE
  %far = add i64 %sp, %distance
  %nearer = icmp ult i64 %far, %jump
  %limit = select i1 %nearer, i64 %far, i64 %jump
  %begin = and i64 %sp, -8
  br label %look
look:
  %at = phi i64 [%begin, %0], [%next, %advance]
  %address = phi i64 [%pc, %0], [%call, %advance]
  %in.unit = call i1 @in.unit.code(i64 %address)
  br i1 %in.unit, label %found, label %check
check:
  %more = icmp ult i64 %at, %limit
  br i1 %more, label %advance, label %not.found
advance:
  %word.field = inttoptr i64 %at to ptr
  %word = load i64, ptr %word.field
  %call = sub i64 %word, 1
  %next = add i64 %at, 8
  br label %look
found:
  ret i64 %address
not.found:
  ret i64 %pc
}

; --- Aborting native code ------------------------------------------------------------------------------------------

; Record the fault and where it happened, and jump to the innermost entry. If a fault is recorded already, an inner
; thunk was left for it, and the C function that called the thunk has now returned: then the first location stays.
define internal void @abort.to.entry(ptr %thread, i64 %fault, i64 %pc, i64 %sp) noreturn nounwind {
  %fault.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 6
  %pc.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 7
  %sp.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 8
  %top.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 9
  %jump.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 3
  %jump = load ptr, ptr %jump.field
  %recorded.fault = load i64, ptr %fault.field
  %recorded = icmp ne i64 %recorded.fault, 0
  br i1 %recorded, label %go, label %write
write:
  %location = call i64 @locate(ptr %thread, i64 %pc, i64 %sp)
  store i64 %fault, ptr %fault.field
  store i64 %location, ptr %pc.field
  store i64 %sp, ptr %sp.field
  store ptr %jump, ptr %top.field
  br label %go
go:
  call void @_longjmp(ptr %jump, i32 1)
  unreachable
}

; faults.LEAVE_JIT: called by a unit before it calls a C function. If the stack has room for the function, record that
; the thread is outside; otherwise abort with an overflow. Then C writes what the thread has put out. Returns the
; %NativeThread, null if the thread has none.
define ptr @jit.leave() nounwind {
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %sp = ptrtoint ptr %frame to i64
  %thread = call ptr @find.thread(i64 %sp)
  %caller = call ptr @llvm.returnaddress(i32 0)
  %pc = ptrtoint ptr %caller to i64
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %done, label %measure
measure:
  %bottom.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 1
  %bottom = load i64, ptr %bottom.field
  %room = sub i64 %sp, %bottom
  %reserve = load i64, ptr @STACK_RESERVE
  %zone = load i64, ptr @GUARD_ZONE
  %needed = add i64 %reserve, %zone
  %enough = icmp uge i64 %room, %needed
  br i1 %enough, label %go.outside, label %overflow
go.outside:
  %outside.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 4
  store i64 %pc, ptr %outside.field
  br label %done
done:
  call void @hand.over.bytes()
  ret ptr %thread
overflow:
  %fault = load i64, ptr @FAULT_OVERFLOW
  call void @abort.to.entry(ptr %thread, i64 %fault, i64 %pc, i64 %sp)
  unreachable
}

; faults.REENTER_JIT: called by a unit after it has called a C function, with the result of @jit.leave. Record that
; the thread is inside again, and abort for the fault that was requested in the meantime.
define void @jit.reenter(ptr %thread) nounwind {
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %sp = ptrtoint ptr %frame to i64
  %caller = call ptr @llvm.returnaddress(i32 0)
  %pc = ptrtoint ptr %caller to i64
  call void @reenter(ptr %thread, i64 %pc, i64 %sp)
  ret void
}

; The same for stubs, which are in no unit: with the code that the stub goes on to.
define void @reenter.code(ptr %thread, ptr %code) nounwind {
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %sp = ptrtoint ptr %frame to i64
  %pc = ptrtoint ptr %code to i64
  call void @reenter(ptr %thread, i64 %pc, i64 %sp)
  ret void
}

define internal void @reenter(ptr %thread, i64 %pc, i64 %sp) nounwind {
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %done, label %inside
inside:
  %outside.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 4
  store i64 0, ptr %outside.field
  %pending.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 5
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %requested = icmp ne i64 %pending, 0
  br i1 %requested, label %abort, label %done
done:
  ret void
abort:
  call void @abort.to.entry(ptr %thread, i64 %pending, i64 %pc, i64 %sp)
  unreachable
}

; --- Installing handlers -------------------------------------------------------------------------------------------

; Called at each entry into native code, on the thread of `thread`: make sure that the handlers are installed above
; those that were installed after them, such as that of Python's faulthandler. One system call for each. Two threads
; that do it at the same time store the same. The handler of Ctrl-C is installed above a function only, for calls on the
; main thread; that of faults.INTERRUPT is renewed when it is needed, by running/stacks.py.
define void @renew.handlers(ptr %thread) nounwind {
  %action = alloca %SignalAction, align 16
  %handler.field = getelementptr %SignalAction, ptr %action, i64 0, i32 0
  %flags.field = getelementptr %SignalAction, ptr %action, i64 0, i32 2
  %looked = call i32 @sigaction(i32 11, ptr null, ptr %action)
  %found = load ptr, ptr %handler.field
  %installed = icmp eq ptr %found, @on.overflow
  br i1 %installed, label %check.main, label %install
install:
  store atomic ptr %found, ptr @previous.overflow seq_cst, align 8
  store %SignalAction zeroinitializer, ptr %action
  store ptr @on.overflow, ptr %handler.field
  %overflow.flags = load i32, ptr @OVERFLOW_FLAGS
  store i32 %overflow.flags, ptr %flags.field
  %set = call i32 @sigaction(i32 11, ptr %action, ptr null)
  br label %check.main
check.main:
  %main = load ptr, ptr @main.thread
  %is.main = icmp eq ptr %thread, %main
  br i1 %is.main, label %look.ctrl.c, label %done
look.ctrl.c:
  %looked.again = call i32 @sigaction(i32 2, ptr null, ptr %action)
  %before = load ptr, ptr %handler.field
  %ours = icmp eq ptr %before, @on.ctrl.c
  %no.function = icmp ule ptr %before, inttoptr (i64 1 to ptr)
  %leave = or i1 %ours, %no.function
  br i1 %leave, label %done, label %install.ctrl.c
install.ctrl.c:
  store atomic ptr %before, ptr @previous.ctrl.c seq_cst, align 8
  store ptr @on.ctrl.c, ptr %handler.field
  %flags = load i32, ptr %flags.field
  %more.flags = load i32, ptr @CTRL_C_FLAGS
  %all.flags = or i32 %flags, %more.flags
  store i32 %all.flags, ptr %flags.field
  %set.again = call i32 @sigaction(i32 2, ptr %action, ptr null)
  br label %done
done:
  ret void
}

; The same for calls that take no longer than a system call: at most once in some half a millisecond, and when
; process/interrupts.py has installed Python's handlers again.
define void @renew.stale.handlers(ptr %thread) nounwind {
  %renewed.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 13
  %restored.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 14
  %restored = load i64, ptr @signals.restored
  %now = call i64 @llvm.readcyclecounter()
  %known = load i64, ptr %restored.field
  %last = load i64, ptr %renewed.field
  %unchanged = icmp eq i64 %restored, %known
  %elapsed = sub i64 %now, %last
  %span = load i64, ptr @RENEWAL_CYCLES
  %recent = icmp ult i64 %elapsed, %span
  %fresh = and i1 %unchanged, %recent
  br i1 %fresh, label %done, label %renew
renew:
  store i64 %restored, ptr %restored.field
  store i64 %now, ptr %renewed.field
  call void @renew.handlers(ptr %thread)
  br label %done
done:
  ret void
}

; --- Handlers ------------------------------------------------------------------------------------------------------

; SIGSEGV. It is a stack overflow if it comes from the kernel (its code is positive), the thread is in native code, not
; in a C function, and the address that could not be accessed is in the guard zone of its stack. Any other fault goes on
; to the previous handler. Without one, the default action is restored: the instruction runs and faults again, and the
; process ends as it would without us. A signal that a process sent is raised again for that, or was to be ignored.
define void @on.overflow(i32 %signal, ptr %info, ptr %context) nounwind {
  %code.field = getelementptr %SignalInfo, ptr %info, i64 0, i32 2
  %code = load i32, ptr %code.field
  %from.kernel = icmp sgt i32 %code, 0
  %sp.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 15
  %pc.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 16
  %sp = load i64, ptr %sp.field
  %pc = load i64, ptr %pc.field
  br i1 %from.kernel, label %find, label %not.ours
find:
  %thread = call ptr @find.thread(i64 %sp)
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %not.ours, label %protected
protected:
  %jump.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 3
  %outside.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 4
  %jump = load ptr, ptr %jump.field
  %outside = load i64, ptr %outside.field
  %entered = icmp ne ptr %jump, null
  %not.outside = icmp eq i64 %outside, 0
  %native = and i1 %entered, %not.outside
  br i1 %native, label %compare, label %not.ours
compare:
  %address.field = getelementptr %SignalInfo, ptr %info, i64 0, i32 3
  %address = load i64, ptr %address.field
  %bottom.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 1
  %bottom = load i64, ptr %bottom.field
  %distance = sub i64 %address, %bottom
  %zone = load i64, ptr @GUARD_ZONE
  %overflow = icmp ult i64 %distance, %zone
  br i1 %overflow, label %abort, label %not.ours
abort:
  %fault = load i64, ptr @FAULT_OVERFLOW
  call void @abort.to.entry(ptr %thread, i64 %fault, i64 %pc, i64 %sp)
  unreachable
not.ours:
  %original = load ptr, ptr @original.overflow
  %previous = atomicrmw xchg ptr @previous.overflow, ptr %original seq_cst
  %no.function = icmp ule ptr %previous, inttoptr (i64 1 to ptr)
  br i1 %no.function, label %default.action, label %count
count:
  %last.pc = load i64, ptr @forwarded.pc
  %last.count = load i64, ptr @forwarded.count
  %same = icmp eq i64 %pc, %last.pc
  %again = add i64 %last.count, 1
  %count.now = select i1 %same, i64 %again, i64 0
  store i64 %pc, ptr @forwarded.pc
  store i64 %count.now, ptr @forwarded.count
  %most = load i64, ptr @FORWARDED_MOST
  %in.vain = icmp ugt i64 %count.now, %most
  %give.up = and i1 %in.vain, %from.kernel
  br i1 %give.up, label %restore.default, label %forward
forward:
  call void %previous(i32 %signal, ptr %info, ptr %context)
  store atomic ptr %previous, ptr @previous.overflow seq_cst, align 8
  br label %done
default.action:
  store atomic ptr %previous, ptr @previous.overflow seq_cst, align 8
  %ignored = icmp eq ptr %previous, inttoptr (i64 1 to ptr)
  %sent = xor i1 %from.kernel, true
  %nothing = and i1 %ignored, %sent
  br i1 %nothing, label %done, label %restore.default
restore.default:
  %ours = call ptr @signal(i32 %signal, ptr null)
  br i1 %from.kernel, label %done, label %raise
raise:
  %raised = call i32 @raise(i32 %signal)
  br label %done
done:
  ret void
}

; faults.INTERRUPT. If a fault is pending for the thread, abort its native code, provided that it is in the code of a
; unit: in a C function it may hold a lock, and between units it will be in one soon; the signal is sent again. A signal
; for which no fault is pending goes on to the previous handler.
define void @on.interrupt(i32 %signal, ptr %info, ptr %context) nounwind {
  %sp.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 15
  %pc.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 16
  %sp = load i64, ptr %sp.field
  %pc = load i64, ptr %pc.field
  %thread = call ptr @find.thread(i64 %sp)
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %not.ours, label %check
check:
  %pending.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 5
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %requested = icmp ne i64 %pending, 0
  br i1 %requested, label %protected, label %not.ours
protected:
  %jump.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 3
  %outside.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 4
  %jump = load ptr, ptr %jump.field
  %outside = load i64, ptr %outside.field
  %entered = icmp ne ptr %jump, null
  %not.outside = icmp eq i64 %outside, 0
  %native = and i1 %entered, %not.outside
  br i1 %native, label %search, label %done
search:
  %in.unit = call i1 @in.unit.code(i64 %pc)
  br i1 %in.unit, label %abort, label %done
abort:
  call void @abort.to.entry(ptr %thread, i64 %pending, i64 %pc, i64 %sp)
  unreachable
not.ours:
  %previous = load ptr, ptr @previous.interrupt
  %no.function = icmp ule ptr %previous, inttoptr (i64 1 to ptr)
  br i1 %no.function, label %done, label %forward
forward:
  call void %previous(i32 %signal, ptr %info, ptr %context)
  br label %done
done:
  ret void
}

; SIGINT, for calls on the main thread. The previous handler, which is Python's, remembers the signal. If the main thread
; is in native code, a byte in the pipe wakes the thread that may stop it: whether Ctrl-C is meant to raise an exception
; is a question for Python. The previous handler may lead to this one again, if another was installed in between.
define internal void @on.ctrl.c(i32 %signal, ptr %info, ptr %context) nounwind {
  %errno = call ptr @__errno_location()
  %error = load i32, ptr %errno
  %previous = atomicrmw xchg ptr @previous.ctrl.c, ptr null seq_cst
  %no.function = icmp eq ptr %previous, null
  br i1 %no.function, label %done, label %forward
forward:
  call void %previous(i32 %signal, ptr %info, ptr %context)
  store atomic ptr %previous, ptr @previous.ctrl.c seq_cst, align 8
  %main = load ptr, ptr @main.thread
  %no.main = icmp eq ptr %main, null
  br i1 %no.main, label %done, label %check
check:
  %jump.field = getelementptr %NativeThread, ptr %main, i64 0, i32 3
  %jump = load volatile ptr, ptr %jump.field
  %native = icmp ne ptr %jump, null
  br i1 %native, label %wake, label %done
wake:
  %pipe = load i32, ptr @ctrl.c.pipe
  %written = call i64 @write(i32 %pipe, ptr @ctrl.c.pipe, i64 1)
  br label %done
done:
  store i32 %error, ptr %errno
  ret void
}
