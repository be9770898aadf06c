"""Functions of the C library that LLVM knows, and names for units that it does not take for one of them.

LLVM computes ``sqrt(4.0)`` at compile time, and may replace a call of ``malloc`` by nothing, whatever a unit of that
name does. So in modules and object code, the stub of such a unit has another name.

What does not work: to mark calls as ``nobuiltin``, which the passes over the callee's own definition do not see, or to
rename all units, which takes a few microseconds for each call in a unit.
"""

from __future__ import annotations

import re

__all__ = ["link_name"]

# From LLVM 22's tables: TargetLibraryInfo and RuntimeLibcalls. Variants for other types are not listed.
_NAMES = """
abort abs access acos acosh aligned_alloc asin asinh atan atan2 atanh atexit atof atoi atol bcmp bcopy bzero cabs
calloc cbrt ceil chmod chown clearerr closedir copysign cos cosh ctermid erf execl execle execlp execv execve execvp
execvpe exit exp exp10 exp2 expm1 fabs fclose fdim fdopen fegetenv fegetmode feof ferror fesetenv fesetmode fflush ffs
ffsll fgetc fgetpos fgets fileno fiprintf flockfile floor fls flsll fma fmax fmaximum fmaximum_num fmin fminimum
fminimum_num fmod fopen fork fprintf fputc fputs fread free frexp fscanf fseek fseeko fsetpos fstat fstatvfs ftell
ftello ftrylockfile funlockfile fwrite getc getchar getenv getitimer getlogin_r getpwnam gets gettimeofday htonl htons
hypot ilogb iprintf isascii isdigit labs lchown ldexp llabs llrint llround log log10 log1p log2 logb lrint lround
lstat malloc memalign memccpy memchr memcmp memcpy memmove mempcpy memrchr memset memset_pattern16 memset_pattern4
memset_pattern8 mkdir mktime modf nan nearbyint nextafter nexttoward ntohl ntohs open opendir pclose perror popen
posix_memalign pow pread printf putc putchar puts pvalloc pwrite qsort read readlink realloc reallocarray realpath
remainder remove remquo rename rewind rint rmdir round roundeven scalbln scalbn scanf setbuf setitimer setvbuf sin
sincos sincospi sinh siprintf snprintf sprintf sqrt sscanf stat statvfs stpcpy stpncpy strcasecmp strcat strchr strcmp
strcoll strcpy strcspn strdup strlcat strlcpy strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk
strrchr strspn strstr strtod strtof strtok strtok_r strtol strtold strtoul strxfrm system tan tanh tgamma times
tmpfile toascii trunc uname ungetc unlink unsetenv utime utimes vacosf vacoshf valloc vasinf vasinhf vatan2f vatanf
vatanhf vceilf vcosf vcoshf vexpf vexpm1f vfabsf vfloorf vfprintf vfscanf vlog10f vlog1pf vlogbf vlogf vprintf vscanf
vsinf vsinhf vsnprintf vsprintf vsqrtf vsscanf vtanf vtanhf wcslen write
"""

_KNOWN = frozenset(_NAMES.split())

# Variants of a function, such as `sqrtf`.
_SUFFIX = re.compile(r"(?:f128|f|l|64|_unlocked)$")


def link_name(symbol: str) -> str:
    """The name of the stub of `symbol` in modules and object code, whatever it is called in the IR of units."""
    is_known = symbol in _KNOWN or symbol.startswith("_") or _SUFFIX.sub("", symbol) in _KNOWN
    return f"unit.{symbol}" if is_known else symbol
