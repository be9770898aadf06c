"""The texts of ``:help TOPIC``: the language, the REPL and the JIT, on a screen of 24 lines each.

The examples are transcripts that can be pasted into a new session. The tests run all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import NamedTuple

__all__ = ["ALIASES", "TOPICS", "Topic"]


class Topic(NamedTuple):
    """A page of help.

    `name`     the word after ``:help``
    `title`    its subject, in a few words
    `text`     blocks with a blank line between them: paragraphs, which `:help` wraps, and blocks of indented lines,
               which it shows unchanged. Indented lines have at most 60 columns
    `example`  a transcript with prompts, at most 60 columns wide; may be empty
    """

    name: str
    title: str
    text: str
    example: str


def _topic(name: str, title: str, text: str, example: str = "") -> Topic:
    return Topic(name, title, dedent(text).strip("\n"), dedent(example).strip("\n"))


_LANGUAGE = (
    _topic(
        "numbers",
        "values, comparisons, truth",
        """
        Every value is a double: a 64-bit floating-point number, of about 16 digits. It is printed with the fewest
        digits that identify it. Numbers are written like `3`, `.5` or `6.02e23`; `2x` is an error, not a product.

        A comparison returns 1 or 0. A value is true if it is neither 0 nor NaN. NaN, "not a number", is the result of
        0/0: every comparison with it is false, except `!=`. Division by zero is not an error.
        """,
        """
        kal> 0.1 + 0.2; 0.1 + 0.2 == 0.3
        0.30000000000000004
        0.0
        kal> 9007199254740992 + 1
        9007199254740992.0
        kal> 1 / 0; 0 / 0
        inf
        nan
        kal> 3 > 2 > 1
        0.0
        kal> if 0 / 0 then 1 else 2
        2.0
        """,
    ),
    _topic(
        "def",
        "functions",
        """
        `def name(parameters) body`. Blanks separate parameters, commas separate arguments. The body is one expression,
        and its value is the value of the call. Functions are not values. Line ends have no meaning, and `;` only
        separates. `#` begins a comment.

        A tail call, the last action of a body, takes no stack: `even` and `odd` call each other ten million times. They
        are one entry, because `odd` is not defined in `even` alone (`extern odd(n)` would declare it). Alt-Enter begins
        the new line.

        A new `def` replaces the old definition, for all callers too: see `:help stubs`.
        """,
        """
        kal> def even(n) if n == 0 then 1 else odd(n - 1)
        ...> def odd(n) if n == 0 then 0 else even(n - 1)
        kal> even(10000001)
        0.0
        kal> def square(x) x * x square(square(3))
        81.0
        """,
    ),
    _topic(
        "if",
        "one value or another",
        """
        `if condition then value else value` has a value, so both branches are required. Only one of them is evaluated.
        NaN and 0 are false, all other values are true.

        `else` extends as far to the right as possible; parentheses around the `if` limit it.

        Beware: `=` assigns, `==` compares. The condition `x = 0` of `zero` below assigns 0, and 0 is false.
        """,
        """
        kal> 1 + if 1 then 2 else 3 + 4
        3.0
        kal> 1 + (if 1 then 2 else 3) + 4
        7.0
        kal> def sign(x) if x < 0 then -1 else x > 0
        kal> sign(-3); sign(7)
        -1.0
        1.0
        kal> def zero(x) if x = 0 then 1 else 2
        kal> zero(0)
        2.0
        """,
    ),
    _topic(
        "for",
        "loops",
        """
        `for i = start, condition, step in body`. The body runs, then the step (1 by default) is evaluated, then the
        condition, with the old value of `i`; only then is the step added to `i`. So the body runs at least once, and
        with `i < 3` it also runs for 3. The condition may be about another variable, as in `steps`.

        The body extends as far to the right as possible. The value of a loop is 0, which the prompt does not print: a
        loop stores its results in variables around it. `for i = 0, 1 in ...` runs until Ctrl-C. See also
        `:help loops`.
        """,
        """
        kal> for i = 1, i < 3 in printd(i)
        1.000000
        2.000000
        3.000000
        kal> for i = 10, i < 3 in printd(i)
        10.000000
        kal> def steps(n) var count in
        ...>   (for i = 1, n != 1 in count = count + 1 :
        ...>     n = if n % 2 then 3 * n + 1 else n / 2) : count
        kal> steps(27)
        111.0
        """,
    ),
    _topic(
        "var",
        "variables and assignment",
        """
        `var a = 1, b in body` defines variables for the body, which extends as far as possible. An initial value is 0
        by default, and may use the variables before it.

        `a = value` assigns the value and returns it, also to parameters and loop variables. `a : b` evaluates `a`,
        then `b`, and returns `b`. It binds looser than `=`: `a = 1 : b = 2` assigns twice.

        The entry `x = 5` makes a top-level variable: later entries may use and change it, functions do not see it.
        `_` is the last value that was printed.
        """,
        """
        kal> def fib(n)
        ...>   var a, b = 1, c in
        ...>     (for i = 2, i < n in c = a + b : a = b : b = c) : b
        kal> fib(50)
        12586269025.0
        kal> x = 5
        5.0
        kal> for i = 1, i < 3 in x = x + i
        kal> x
        11.0
        """,
    ),
    _topic(
        "operators",
        "precedence, and operators of your own",
        """
        `def binary ** 50 (a b)` defines an operator with its precedence, 1 to 100 (30 by default); higher ones bind
        tighter. All are left-associative, except `=`. `def unary ~ (x)` defines a prefix operator: these bind tightest.

            : 1    = 2    | 5    & 6    < > <= >= == != 10
            + - 20    * / % 40    and the prefixes - and !

        All may be redefined; of `=`, only the precedence. `a<-b` means `a < -b` as long as `<-` is not defined. Both
        operands are always evaluated, the left one first. So an operator can be a control structure: `>>` below is a
        sequence.
        """,
        """
        kal> def binary ** 50 (a b) pow(a, b)
        kal> 2 * 3 ** 2; 2 ** 3 ** 2; -2 ** 2
        18.0
        64.0
        4.0
        kal> def binary >> 1 (a b) b
        kal> putchard(72) >> putchard(105) >> putchard(10)
        Hi
        0.0
        """,
    ),
    _topic(
        "output",
        "values at the prompt, and the output of programs",
        """
        The prompt prints the value of each expression of an entry, except of a loop at top level. `_` is the last value
        that was printed: after `6 * 7`, `_ + 1` is 43. A `def` cannot use `_`.

        `printd(x)` prints a number with six decimals on a line, `putchard(c)` prints one byte, without a line end. Both
        return 0, and the prompt prints that, too.
        """,
        """
        kal> 1 / 3
        0.3333333333333333
        kal> printd(1 / 3)
        0.333333
        0.0
        kal> putchard(72)
        H0.0
        kal> def row(n)
        ...>   (for i = 1, i < n in putchard(42)) : putchard(10)
        kal> for n = 1, n < 3 in row(n)
        *
        **
        ***
        """,
    ),
    _topic(
        "prelude",
        "the predefined functions",
        """
        Every session begins with these functions, and all may be redefined. The names are those of C.

            sin cos tan asin acos atan atan2(y, x) sinh cosh tanh
            exp log log10 log2 pow(x, y) sqrt cbrt hypot(x, y)
            fabs floor ceil round trunc
            fmod(x, y) fmin(x, y) fmax(x, y) printd(x) putchard(c)
            a | b: or    a & b: and    a : b: first a, then b

        `|` and `&` evaluate both operands. `:list` shows only your own functions.
        """,
        """
        kal> hypot(3, 4)
        5.0
        kal> 0 & printd(7)
        7.000000
        0.0
        kal> fmin(0 / 0, 1)
        1.0
        kal> -7 % 3
        -1.0
        """,
    ),
    _topic(
        "extern",
        "C functions",
        """
        `extern name(parameters)` declares a C function that takes doubles and returns a double. The mathematical
        functions of C are available; `kaleido --load LIB` loads another library. Kaleido cannot check the real
        parameters of a C function. A wrong declaration may end the process, and your session with it.

        An `extern` for a name that has a `def`, or is to get one later, only declares it. Until then it is an error to
        run an expression that could call it.

        Below, 0.1 * 10 is rounded to 1. `fma` multiplies and adds, and rounds only once, at the end. Its result shows
        that the double 0.1 is slightly greater than a tenth.
        """,
        """
        kal> 0.1 * 10 - 1
        0.0
        kal> extern fma(x y z)
        kal> fma(0.1, 10, -1)
        5.551115123125783e-17
        kal> extern nextafter(x y)
        kal> nextafter(1, 2)
        1.0000000000000002
        """,
    ),
    _topic(
        "errors",
        "how to read one",
        """
        The first line is the message. Below it are the position (entry, line, column), the source line with carets
        under the error, and often a hint. The number of an entry is in its prompt, as in `[2] kal>`; examples in help
        leave it out. Dashes mark a second, related place.

        After a syntax error, nothing of the entry has run. After any other error, what is before it has run and stays
        defined, and the rest has not run. Definitions without an expression between them are made together: if one has
        an error, none of them is made, and the old ones stay in place.
        """,
        """
        kal> def area(width height) width * height
        kal> def area(width height) width + heigth
        error: unknown variable `heigth`
          ┌ <entry 2>:1:32
        1 │ def area(width height) width + heigth
          │                                ^^^^^^ not defined here
          = hint: did you mean `height`?
        kal> area(2, 3)
        6.0
        """,
    ),
)

_SESSION = (
    _topic(
        "keys",
        "typing and editing",
        """
            Enter          run a complete entry, or begin a new line
            Alt-Enter      begin a new line
            Tab            complete a name, a keyword, a command
            right arrow    accept the suggestion
            Up             the previous entry that begins like this
            Ctrl-R         search the history
            Ctrl-X Ctrl-E  edit the entry in `$EDITOR`
            Ctrl-C         discard the entry; stop a running program
            Ctrl-D         leave, on an empty line

        The history keeps entries of several lines together. A transcript can be pasted: prompts and output are removed.
        Enter on a second empty line runs an incomplete entry, to show its error. `:set vi on` selects the keys of vi.
        """,
        """
        kal> def cube(x)
        ...>   x * x * x
        kal> cube(3)
        27.0
        """,
    ),
    _topic(
        "files",
        "saving and loading programs",
        """
            :save demo.kal    save what has run, as a program
            :load demo.kal    run a file in this session
            :reload           run the same file again
            :edit f           change a function in your editor

        The whole file is parsed before it runs: if it has a syntax error, nothing runs. A file may call a function
        above its definition, if the definition is reached before the call runs. `kaleido demo.kal` runs a file without
        the REPL.

        `:save` over a loaded file keeps its text, byte for byte: comments, blank lines, order and line ends. A new
        definition takes the place of the old one; everything else is added at the end.

        When the REPL starts, it runs `$XDG_CONFIG_HOME/kaleido/init.kal` if that exists (in `~/.config` if the variable
        is not set). Put operators there that you always want, and commands such as `:set theme light`. What it defines
        belongs to the initial state: `:undo` and `:reset` keep it, `:save` leaves it out. The option `--no-init` skips
        it.
        """,
    ),
    _topic(
        "undo",
        "undoing definitions",
        """
        `:undo` undoes the last entry that changed definitions, be it a line or a file. The definitions that it replaced
        are restored for all callers, and optimized again if they were at -O3. `:reset` removes all definitions except
        those of the prelude and of your init.kal; `:undo` undoes that, too. `:list` shows your definitions.

        To change a function, just `def` it again; the same definition again changes nothing. To change its number of
        parameters, `def` it in one entry with the functions that call it (Alt-Enter begins a line), or in one file.
        """,
        """
        kal> def f(x) x + 1
        kal> def f(x) x + 2
        kal> f(1)
        3.0
        kal> :undo
        restored f: def f(x) x + 1
        kal> f(1)
        2.0
        """,
    ),
    _topic(
        "interrupt",
        "Ctrl-C, and deep recursion",
        """
        Ctrl-C stops a running program. The session, all definitions, and the output so far are kept. Recursion that is
        too deep is an ordinary error: try `deep(1e9)`. The stack has 256 MiB, enough for millions of calls;
        `kaleido --stack-size 1G` sets another size. A tail call, as in `far`, takes no stack.

        Compiled code pays nothing for this: loops check no flag, and functions check no stack limit. Signals stop it.
        Only a C function is never stopped in the middle.
        """,
        """
        kal> def deep(n) if n < 1 then 0 else 1 + deep(n - 1)
        kal> deep(1000000)
        1000000.0
        kal> def far(n s) if n < 1 then s else far(n - 1, s + 1)
        kal> far(10000000, 0)
        10000000.0
        """,
    ),
)

_JIT = (
    _topic(
        "tiers",
        "-O0 at first, -O3 when hot",
        """
        A function is compiled when it is first called, at -O0. This is the baseline tier: it compiles fast, and its
        code is slow and counts calls. After 1,000 calls the function is hot. The recompiler, a background thread,
        compiles it again at -O3, the optimized tier, when it has run for some milliseconds, at the latest 0.1 s later:
        this takes longer, and the code is fast. Its address is published
        in the slot of the function's stub, while the program runs. Both tiers return the same results to the last bit.

        `:tiers` shows the tier of each function and loop, `:events` what happened to them, `:ir f` and `:asm f` show
        the code of one, `:diff f` compares its two tiers, `:bench` measures them. `:optimize f` compiles `f` at -O3
        now, and `:deoptimize f` returns it to -O0. `:set threshold 10` makes code hot at ten calls or iterations, and
        `:set jit O0` leaves only one tier.

        Below, `fib` is first called at -O0, and soon at -O3, where calls of equal arguments are one call. `:watch
        fib(25)` shows what the swap is worth.
        """,
        """
        kal> def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)
        kal> fib(35)
        9227465.0
        """,
    ),
    _topic(
        "stubs",
        "how a call reaches its function",
        """
        At -O0 a call does not go to the code of a function. It goes to the function's stub, an address that never
        changes. A stub is one jump, to the address that is stored in its slot.

            call of f  ->  stub of f: jmp *slot  ->  code of f

        To publish new code, one address is stored in the slot, while the program runs. This is how a function changes
        its tier, and how a new definition reaches all callers. No caller is compiled again for it. At -O3 some calls
        bypass the stub: see `:help inlining`.
        """,
        """
        kal> def price(x) x * 2
        kal> def total(n) price(n) + price(n + 1)
        kal> total(1)
        6.0
        kal> def price(x) x * 3
        kal> total(1)
        9.0
        """,
    ),
    _topic(
        "loops",
        "a loop is a function; on-stack replacement",
        """
        A `for` is compiled to a function of its own. It runs one iteration, and then calls itself through its stub; as
        that is a tail call, it takes no stack. So a loop becomes hot like a function, after 10,000 iterations, and when
        its slot changes, the next iteration runs at -O3.

        This is on-stack replacement: in the single call of `sum` below, the loop begins at -O0 and ends at -O3.
        `:tiers` shows the loop as `sum.for@1:22`, with its line and column; commands take this name, too. `:asm sum`
        shows `sum` at -O0 and its loop at -O3, as they run now.

        In a function at -O3 its loops are inlined: ordinary loops again. See also `:help for`.
        """,
        """
        kal> def sum(n) var s in (for i = 1, i < n in s = s + i) : s
        kal> sum(100000000)
        5000000050000000.0
        """,
    ),
    _topic(
        "inlining",
        "what -O3 inlines, and deoptimization",
        """
        At -O3 a function is compiled in one module with the functions it calls: its inline group. Calls in the group
        bypass the stubs, and LLVM optimizes across them: small functions are inlined, and a tail call of a function to
        itself becomes a loop. A function that calls itself otherwise has copies of itself inlined, up to four bodies
        in one frame. `:tiers` shows the dependents of a function: the functions and loops that inlined it. `:diff f`
        shows which calls were inlined.

        When `step` below is redefined, code that has the old `step` inlined is deoptimized: the loop of `walk` runs its
        baseline code again, which calls through stubs. There its iterations are counted, and it is optimized again.
        """,
        """
        kal> def step(x) x + 1
        kal> def walk(n)
        ...>   var x in (for i = 1, i < n in x = step(x)) : x
        kal> walk(10000000)
        10000000.0
        kal> def step(x) x + 2
        kal> walk(10000000)
        20000000.0
        """,
    ),
)

TOPICS: Mapping[str, Topic] = {topic.name: topic for topic in (*_LANGUAGE, *_SESSION, *_JIT)}
"""The topics by name, in the order in which to read them."""

_OTHER_NAMES = {
    "numbers": "number values value double comparison comparisons truth true false NaN nan inf",
    "def": "function functions call calls parameters arguments comments",
    "if": "then else condition",
    "for": "in step while",
    "var": "variable variables assignment assign",
    "operators": "operator binary unary precedence = == != < > <= >= + - * / % ! | &",
    "output": "print printd putchard _",
    "prelude": "mathematics libm",
    "extern": "externs C --load --no-extern",
    "errors": "error",
    "keys": "key editing history paste vi",
    "files": "file init init.kal --no-init",
    "undo": "remove",
    "interrupt": "Ctrl-C ctrl-c interrupts recursion stack tail --stack-size",
    "tiers": "tier jit --jit baseline hot recompiler O0 O3 o0 o3 -O0 -O3",
    "stubs": "stub slot slots redefine redefinition",
    "loops": "loop osr on-stack",
    "inlining": "inline inlined dependents deoptimized deoptimization invalidation",
}

ALIASES: Mapping[str, str] = {alias: name for name, aliases in _OTHER_NAMES.items() for alias in aliases.split()}
"""Other words that lead to a topic, such as keywords and operators. None of them is a command or a topic."""
