; The signal handler of a sampling timer: the native part of samples.py, where the docstring explains the design.
;
; For Linux on x86-64. It interrupts a thread between any two instructions, so it takes no lock and allocates nothing.
; The only C function called is clock_gettime, which is safe in a handler.

target triple = "x86_64-unknown-linux-gnu"

; The beginning of faults.NativeThread.
%NativeThread = type {
  ptr,    ; 0 next
  i64,    ; 1 bottom   lowest address of the thread's stack
  i64,    ; 2 extent   bytes of the stack
  ptr,    ; 3 jump     the jump buffer of the innermost entry; null outside of native code
  i64     ; 4 outside  inside a C function: an address in the unit that called it; otherwise 0
}

; One sample: samples.WORDS words of 8 bytes together.
%Sample = type {
  i64,        ; 0 time     in nanoseconds of the monotonic clock
  i64,        ; 1 pc       the interrupted instruction; 0 outside of native code
  i64,        ; 2 outside
  [29 x i64]  ; 3 stack    the words at the stack pointer, among them the return addresses of the innermost calls
}

; samples.Ring: what was sampled last. The reader knows by `written` which samples are new.
%Ring = type {
  i64,           ; 0 written  how many samples were ever written
  i64,           ; 1 mask     the number of samples that there is room for, which is a power of two, minus one
  ptr,           ; 2 thread   the %NativeThread of the sampled thread
  [0 x %Sample]  ; 3 samples
}

; The kernel's arguments to a handler: siginfo_t of a timer, and ucontext_t.
%SignalInfo = type {
  i32,    ; 0 signal
  i32,    ; 1 error
  i32,    ; 2 code
  i32,    ; 3 padding
  i32,    ; 4 timer
  i32,    ; 5 overrun
  ptr     ; 6 value    of the timer: the %Ring
}
%SignalStack = type { ptr, i32, i64 }
%UserContext = type {
  i64,            ; 0 flags
  ptr,            ; 1 link
  %SignalStack,   ; 2 stack
  [23 x i64]      ; 3 registers  index 15 is RSP, and index 16 is RIP
}

declare i32 @clock_gettime(i32, ptr) nounwind
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @on.sample(i32 %signal, ptr %info, ptr %context) nounwind {
  %clock = alloca [2 x i64]
  %code.field = getelementptr %SignalInfo, ptr %info, i64 0, i32 2
  %code = load i32, ptr %code.field
  ; SI_TIMER. Any other signal of this number is ignored: a timer that is deleted may have sent its last one.
  %of.timer = icmp eq i32 %code, -2
  br i1 %of.timer, label %begin, label %done
begin:
  %value.field = getelementptr %SignalInfo, ptr %info, i64 0, i32 6
  %ring = load ptr, ptr %value.field
  %written.field = getelementptr %Ring, ptr %ring, i64 0, i32 0
  %mask.field = getelementptr %Ring, ptr %ring, i64 0, i32 1
  %thread.field = getelementptr %Ring, ptr %ring, i64 0, i32 2
  %written = load i64, ptr %written.field
  %mask = load i64, ptr %mask.field
  %thread = load ptr, ptr %thread.field
  %index = and i64 %written, %mask
  %sample = getelementptr %Ring, ptr %ring, i64 0, i32 3, i64 %index
  call void @llvm.memset.p0.i64(ptr %sample, i8 0, i64 256, i1 false)
  %got = call i32 @clock_gettime(i32 1, ptr %clock)
  %seconds = load i64, ptr %clock
  %rest.field = getelementptr [2 x i64], ptr %clock, i64 0, i64 1
  %rest = load i64, ptr %rest.field
  %product = mul i64 %seconds, 1000000000
  %time = add i64 %product, %rest
  %time.field = getelementptr %Sample, ptr %sample, i64 0, i32 0
  store i64 %time, ptr %time.field
  %jump.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 3
  %jump = load ptr, ptr %jump.field
  %entered = icmp ne ptr %jump, null
  br i1 %entered, label %native, label %end
native:
  %sp.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 15
  %pc.field = getelementptr %UserContext, ptr %context, i64 0, i32 3, i64 16
  %sp = load i64, ptr %sp.field
  %pc = load i64, ptr %pc.field
  %outside.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 4
  %outside = load i64, ptr %outside.field
  %sampled.pc = getelementptr %Sample, ptr %sample, i64 0, i32 1
  %sampled.outside = getelementptr %Sample, ptr %sample, i64 0, i32 2
  store i64 %pc, ptr %sampled.pc
  store i64 %outside, ptr %sampled.outside
  ; The stack of a C function may be another one, and end anywhere.
  %bottom.field = getelementptr %NativeThread, ptr %thread, i64 0, i32 1
  %bottom = load i64, ptr %bottom.field
  %jump.address = ptrtoint ptr %jump to i64
  %above = icmp uge i64 %sp, %bottom
  %below = icmp ult i64 %sp, %jump.address
  %own = and i1 %above, %below
  br i1 %own, label %copy, label %end
copy:
  ; Above the jump buffer is the frame of the entry, and Python's, so that there are always as many words.
  %from = inttoptr i64 %sp to ptr
  %stack = getelementptr %Sample, ptr %sample, i64 0, i32 3
  call void @llvm.memcpy.p0.p0.i64(ptr %stack, ptr %from, i64 232, i1 false)
  br label %end
end:
  %more = add i64 %written, 1
  store atomic i64 %more, ptr %written.field release, align 8
  br label %done
done:
  ret void
}
