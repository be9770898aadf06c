"""What ``:help TOPIC`` shows: the language, the REPL and the JIT, a screen of 24 lines for each.

The examples are transcripts that a reader may paste into a new session. The tests run every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

__all__ = ["ALIASES", "TOPICS", "Topic"]


@dataclass(frozen=True)
class Topic:
    """A page of help.

    `name`     the word after ``:help``
    `title`    what it is about, in a few words
    `text`     blocks with a blank line between them: paragraphs, to be wrapped by whoever shows them, and blocks whose
               lines are all indented, to be shown as they are. Those are at most 60 columns wide
    `example`  a transcript with prompts, at most 60 columns wide; empty where there is nothing to show
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
        Every value is a double: a floating-point number of 64 bits, good for about 16 digits. It is shown in the
        fewest digits that give it back. Numbers are written like `3`, `.5` or `6.02e23`; `2x` is an error, not a
        product.

        A comparison gives 1 or 0. A value is true if it is neither 0 nor NaN. NaN is "not a number", what 0/0 comes
        to: every comparison with it is false, but for `!=`. Dividing by zero is no error.
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
        `def name(parameters) body`. Parameters are separated by blanks, arguments by commas. The body is one
        expression, and its value is that of the call. Functions are not values. Newlines mean nothing, and `;` only
        separates. `#` begins a comment.

        A call that is the last thing a body does takes no stack: `even` and `odd` call each other ten million times.
        They are one entry, because `even` alone would be an error: `odd` is not defined. Alt-Enter makes the new line.

        A new `def` replaces the old one, for every caller too: see `:help stubs`.
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
        `if condition then value else value` has a value, so it needs both branches. Only one of them is evaluated.
        NaN and 0 are false, all else is true.

        `else` takes everything to its right. Put parentheses around the `if` where it should not.

        Beware of `=`, which assigns: `x = 0` in `zero` below is 0, and so never holds. `==` compares.
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
        `for i = start, condition, step in body`. The body runs, then the step is computed (1 if left out), then the
        condition, with the value that `i` had; only then does `i` move on. So the body runs at least once, and
        `i < 3` visits 3 as well. The condition need not be about `i`, as `steps` shows.

        The body takes everything to its right. The value of a loop is 0, which the prompt does not show: what a loop
        finds goes into a variable around it. `for i = 0, 1 in ...` runs until Ctrl-C.
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
        `var a = 1, b in body` makes variables for the body, which is everything to its right. One without a value
        begins as 0. Each may use those before it.

        `a = value` assigns, and gives the value. Parameters and loop variables can be assigned too. `:` does one
        thing and then another, and binds looser than `=`: `a = 1 : b = 2` assigns twice. There are no variables
        outside of functions; at the prompt, `_` is the value shown last.
        """,
        """
        kal> def fib(n)
        ...>   var a, b = 1, c in
        ...>     (for i = 2, i < n in c = a + b : a = b : b = c) : b
        kal> fib(50)
        12586269025.0
        kal> var x = 1 in (var x = 2 in x) + x
        3.0
        kal> def both(x) var y in (x = y = 5) : x + y
        kal> both(1)
        10.0
        """,
    ),
    _topic(
        "operators",
        "precedence, and operators of your own",
        """
        `def binary ** 50 (a b)` defines an operator with its precedence, 1 to 100 (30 if left out); the higher binds
        tighter. All group to the left, but for `=`. `def unary ~ (x)` defines a prefix, which takes just what follows.

            : 1    = 2    | 5    & 6    < > <= >= == != 10
            + - 20    * / % 40    and the prefixes - and !

        All but `=` may be redefined. `a<-b` is `a < -b` until somebody defines `<-`. Both sides are always evaluated,
        the left one first. So an operator can be a control structure, like `>>` below: do this, then that.
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
        "what is shown, and what a program prints",
        """
        An entry shows the value of each of its expressions, but not of a loop that stands alone. `_` is the value
        shown last: after `6 * 7`, `_ + 1` is 43. A `def` cannot use it.

        `printd(x)` prints a number with six decimals, and `putchard(c)` one byte, without a new line. Both give 0,
        and the prompt shows that as well.
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
        "what is there from the beginning",
        """
        Every session begins with these, and all may be redefined. The names are C's.

            sin cos tan asin acos atan atan2(y, x) sinh cosh tanh
            exp log log10 log2 pow(x, y) sqrt cbrt hypot(x, y)
            fabs floor ceil round trunc
            fmod(x, y) fmin(x, y) fmax(x, y) printd(x) putchard(c)
            a | b: or    a & b: and    a : b: first a, then b

        `|` and `&` always evaluate both sides. `:list` shows only what you add.
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
        `extern name(parameters)` makes a C function callable: one that takes doubles and returns one. The mathematics
        of C are there; `kaleido --load LIB` brings a library of yours. Nobody can check what a C function really
        takes. A wrong one may end the process, and your session with it.

        An `extern` for a name that has a `def`, or gets one further down in the same entry, only declares it.

        Below, 0.1 * 10 is rounded to 1. `fma` multiplies and adds with a single rounding at the end, and so shows that
        the double 0.1 is a little more than a tenth.
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
        The first line says what is wrong. Then come the place (entry, line, column), the line with carets under what
        is meant, and often a hint. Dashes mark a second place that has to do with it.

        A syntax error means that nothing of the entry has run. After another one, what stands before it has run and
        stays defined, and what comes after has not run. A definition with an error in it leaves the old one as it was.
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
            Enter        run; a new line where more is needed
            Alt-Enter    a new line in any case
            Tab          complete a name, a keyword, a command
            right arrow  take the suggestion
            Up           the entry before that begins like this
            Ctrl-R       search the entries before
            Ctrl-C       forget the line; stop what is running
            Ctrl-D       leave, on an empty line

        An entry of several lines comes back whole. A transcript can be pasted: prompts and output are dropped. Enter
        on a second empty line runs what is incomplete, to see the error. `:set vi on` gives you vi's keys.
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
            :save demo.kal    what worked so far, as a program
            :load demo.kal    run a file in this session
            :reload           the same file again
            :edit f           change a function in your editor

        A file is read whole before it runs: with a syntax error anywhere in it, nothing has run. In a file, a function
        may be called above its definition, as long as the definition has been reached when the call runs.
        `kaleido demo.kal` runs it without the REPL.

        The REPL begins by running `$XDG_CONFIG_HOME/kaleido/init.kal`, if there is one (`~/.config` if the variable is
        not set). Operators that you always want belong there, and commands such as `:set theme light`. `--no-init`
        leaves it out.
        """,
    ),
    _topic(
        "undo",
        "taking back definitions",
        """
        `:undo` takes back the last entry that defined something, be it a line or a file. What it replaced is there
        again, for every caller, and at -O3 where it was. `:reset` forgets all but the prelude; `:undo` takes that back,
        too. `:list` shows what you have defined.

        To change a function, just `def` it again. Only for another number of parameters it must not be called by
        others any more: the callers have to change first.
        """,
        """
        kal> def f(x) x + 1
        kal> def f(x) x + 2
        kal> f(1)
        3.0
        kal> :undo
        f is again: def f(x) x + 1
        kal> f(1)
        2.0
        """,
    ),
    _topic(
        "interrupt",
        "Ctrl-C, and recursion too deep",
        """
        Ctrl-C stops whatever runs. You keep the session, all definitions, and the output so far. Recursion too deep is
        an error like any other: try `deep(1e9)`. The stack has 256 MiB, enough for millions of calls; `kaleido
        --stack-size 1G` has more. A call that is the last thing a function does, as in `far`, needs none.

        Compiled code pays nothing for that: it checks no flag in a loop and no stack in a function. Signals stop it.
        Only a C function is never torn out of its work.
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
        A function is compiled when it is first called, at -O0, the baseline: that is done quickly, and the code is
        slow and counts its calls. After 1,000 of them the function is hot. The recompiler, a thread in the background,
        compiles it again at -O3: that takes longer, and the code is fast. Its stub is then pointed at the new code
        while the program runs. Both tiers give the same results to the last bit.

        `:tiers` shows the tier of each function and loop, `:ir f` and `:asm f` what became of one, `:diff f` its two
        tiers side by side, `:bench` what they take. `:optimize f` does not wait until it is hot.

        Below, most of the 30 million calls run at -O3, though `fib` is entered at -O0. `:watch fib(25)` shows it live.
        """,
        """
        kal> def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)
        kal> fib(35)
        9227465.0
        """,
    ),
    _topic(
        "stubs",
        "how a call finds its function",
        """
        At -O0 no call goes to the code of a function. It goes to the function's stub, whose address never changes. A
        stub is one jump, to wherever the address in its slot leads.

            call of f  ->  stub of f: jmp *slot  ->  code of f

        To replace the code, one address is stored in the slot, while the program runs. So a function becomes -O3, and
        so a new definition reaches every caller. No caller is compiled again for it. At -O3 there are calls that do
        without the stub: see `:help inlining`.
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
        A `for` is compiled to a function of its own. It runs one iteration and then calls itself through its stub; as
        that is the last thing it does, it takes no stack. So a loop gets hot like a function, after 10,000 iterations,
        and when its slot changes, the next iteration is -O3 code.

        That is on-stack replacement: in the one call of `sum` below, the loop begins at -O0 and ends at -O3. `:tiers`
        then shows it as `sum.for@1:22`, with the line and the column where it stands.

        In a function at -O3 its loops are inlined, and are ordinary loops again.
        """,
        """
        kal> def sum(n) var s in (for i = 1, i < n in s = s + i) : s
        kal> sum(100000000)
        5000000050000000.0
        """,
    ),
    _topic(
        "inlining",
        "what -O3 binds, and how it is undone",
        """
        At -O3 a function is compiled together with those it calls. It has bound them statically, without their stubs,
        and LLVM sees through the calls: small functions are inlined, and a tail call to itself becomes a loop.
        `:tiers` says whom a function is bound by, and `:diff f` shows what became of the calls.

        Redefine `step` below, and the code that has the old one inside is deoptimized: the loop of `walk` goes back
        to the baseline, which calls through stubs. There it is counted again, and optimized again.
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
"""The topics by name, in the order in which they are best read."""

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
    "inlining": "inline inlined bound deoptimized invalidation",
}

ALIASES: Mapping[str, str] = {alias: name for name, aliases in _OTHER_NAMES.items() for alias in aliases.split()}
"""Other words for a topic: keywords, operators, what somebody may try. None of them is a command or a topic."""
