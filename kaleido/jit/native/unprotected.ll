; The functions and variables of handlers.ll on platforms that it does not describe: no thread has a %NativeThread,
; leaving and reentering native code does nothing, and no handler is installed.

@threads = global ptr null
@previous.overflow = global ptr null
@original.overflow = global ptr null
@previous.interrupt = global ptr null
@main.thread = global ptr null
@ctrl.c.pipe = global i32 -1

define ptr @find.thread(i64 %address) nounwind {
  ret ptr null
}

define ptr @find.owner(i64 %thread.pointer) nounwind {
  ret ptr null
}

define void @renew.handlers(ptr %thread) nounwind {
  ret void
}

define void @renew.stale.handlers(ptr %thread) nounwind {
  ret void
}

define ptr @jit.leave() nounwind {
  ret ptr null
}

define void @jit.reenter(ptr %thread) nounwind {
  ret void
}

define void @reenter.code(ptr %thread, ptr %code) nounwind {
  ret void
}

define void @on.overflow(i32 %signal, ptr %info, ptr %context) nounwind {
  ret void
}

define void @on.interrupt(i32 %signal, ptr %info, ptr %context) nounwind {
  ret void
}
