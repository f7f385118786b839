"""Expressions that must fail with an ``ExpressionError``, soon and without much memory; run by ``test_bombs``.

As a program: reads a JSON list of sources, writes a JSON line [outcome, message] for each, and ends itself when one takes too long.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
from pathlib import Path

SECONDS = 30
"""A guard against hanging, far above the two seconds of the limit, for machines that are busy."""
MEMORY = 400_000_000

_LEVELS = 12
_NESTED = " ".join(f"for a{i + 1} in [[a{i}, a{i}, a{i}, a{i}, a{i}, a{i}, a{i}, a{i}]]" for i in range(_LEVELS))
_NESTED_TOO = _NESTED.replace("a", "b")
_TUPLES = _NESTED.replace("[[", "[(").replace("]]", ")]")
_ALIASES = "\\n".join(f"k{i + 1}: &k{i + 1} [{', '.join([f'*k{i}'] * 9)}]" for i in range(10))
_MERGES = "\\n".join(f"k{i + 1}: &k{i + 1} {{<<: [*k{i}, *k{i}]}}" for i in range(40))
_COLLIDING = "i * (2 ** 61 - 1) for i in range(200000)"

BOMBS = [
    # size
    "'a' * 10 ** 9",
    "'a' * 2048001",
    "10 ** 9 * 'a'",
    "[0] * 10 ** 9",
    "(0,) * 10 ** 9",
    "[[0] * 1000000 for i in range(1000)]",
    "['a' * 100000 for i in range(100000)]",
    "[s.upper() for s in ['a' * 2000000] for i in range(10000)]",
    "[s[1:] for s in ['a' * 2000000] for i in range(10000)]",
    "'a' * 2000000 + 'b' * 100000",
    "'%s' % ('a' * 2000000) + 'b' * 100000",
    "'%1000000000d' % 1",
    "'%.1000000000f' % 1.0",
    "'%*d' % (10 ** 9, 1)",
    "'%(a)s' * 1000 % {'a': 'b' * 1000000}",
    "f'{1:1000000000}'",
    "f'{1.5:.1000000000f}'",
    "f'{\"a\":>{10 ** 9}}'",
    "'a'.center(10 ** 9)",
    "'a'.ljust(10 ** 9)",
    "'a'.rjust(10 ** 9, 'x')",
    "'1'.zfill(10 ** 9)",
    "('\\t' * 1000000).expandtabs(1000000)",
    "('a' * 2000000).replace('a', 'b' * 1000)",
    "('a' * 2000000).replace('', 'b' * 1000)",
    "('ab' * 100000).join(['x'] * 100000)",
    "''.join(['x' * 1000000] * 1000)",
    "('a' * 2000000).translate({97: 'b' * 1000000})",
    "list('a' * 2000000)",
    "('a\\n' * 1000000).splitlines()",
    "('a ' * 1000001).split(' ')",
    "sum([[0] * 1000000] * 1000, [])",
    "sum([[1]] * 100000, [])",
    "str([['a' * 1000000] * 1000] * 1000)",
    "json.dumps([['a' * 1000000] * 1000] * 1000)",
    "dump_yaml([['a' * 1000000] * 1000] * 1000)",
    "json.dumps([1] * 100000, indent=100000)",
    "json.dumps([1] * 100000, separators=('x' * 100000, ''))",
    "load_json('[' * 100000)",
    "[json.loads('[' + '[],' * 100000 + '1]') for i in range(100)]",
    "base64.b64encode('a' * 2000000)",
    "urllib.parse.quote('\\u20ac' * 1000000)",
    "re.sub('a', 'b' * 1000, 'a' * 1000000)",
    "re.sub('(a+)', '\\\\1\\\\1\\\\1\\\\1', 'a' * 2000000)",
    "csv.writer('', lineterminator='x' * 1000000).writerows([[1]] * 1000)",
    "list(csv.reader(',' * 2000000))",
    "datetime.datetime.now().strftime('%Y' * 10000)",
    "time.strftime('%Y' * 10000)",
    "[list(range(100000)) for i in range(1000)]",
    "list(map(list, [range(1000000)] * 100))",
    "[[x.extend(x) for i in range(100)] for x in [[1]]]",
    "[[d.update({(i, j): 1 for j in range(10000)}) for i in range(10000)] for d in [{}]]",
    "random.sample(range(1000000), 500000)",
    "max(*[0] * 200000)",
    # numbers
    "9 ** 9 ** 9",
    "(2 ** 99999) ** 5",
    "2 ** 99999 * 2 ** 99999",
    "1 << 10 ** 9",
    "str(9 ** 30000)",
    "9 ** 30000",
    "int('9' * 1000000)",
    "int('f' * 1000000, 16)",
    "float('1' * 1000000)",
    "round(1, -10 ** 9)",
    "math.exp(10 ** 6)",
    "statistics.mean([2 ** 9999] * 100000)",
    "statistics.quantiles([1, 2, 3], n=10 ** 9)",
    "range(10 ** 12)",
    "datetime.timedelta(days=10 ** 12)",
    # time
    "[x for x in range(1000000) for y in range(1000000)]",
    "[[x.append(1) for y in x] for x in [[1]]]",
    "list(zip(*[range(1000000)] * 100))",
    f"set([{_COLLIDING}])",
    f"{{{_COLLIDING.replace(' for', ': 1 for', 1)}}}",
    "('a' * 2000000) in [('a' * 1999999) + 'b'] * 1000000",
    "sorted([('a' * 1999999) + str(i) for i in range(9)] * 100000)",
    "('a' * 2000000).strip('b' * 2000000 + 'a')",
    "('a' * 2000000).rfind('ab' + 'a' * 1000000)",
    "('a' * 2000000).rsplit('ab' + 'a' * 1000000)",
    "re.findall('(?s)a.*b|a', 'a' * 2000000)",
    "re.search('([ab]*)a([ab]{900})$', 'ab' * 1000000)",
    "re.search('((a?){500}a{500}){2}', 'a' * 2000000)",
    "re.search('(a{1000}){1000}', 'a')",
    "re.search('a' * 100000, 'a')",
    "datetime.datetime.strptime('a' * 10000, 'a' * 10000)",
    "csv.Sniffer().sniff('a,\"b' * 10000)",
    "html_to_markdown('<br>' * 50001)",
    "markdown_to_html('[' * 200001)",
    # graphs: little memory, a billion leaves
    f"[a{_LEVELS} for a0 in [1] {_NESTED}]",
    f"str([a{_LEVELS} for a0 in [1] {_NESTED}])",
    f"dump_json([a{_LEVELS} for a0 in [1] {_NESTED}])",
    f"[a{_LEVELS} == b{_LEVELS} for a0 in [1] {_NESTED} for b0 in [1] {_NESTED_TOO}]",
    f"[a{_LEVELS} in [b{_LEVELS}] for a0 in [1] {_NESTED} for b0 in [1] {_NESTED_TOO}]",
    f"[{{a{_LEVELS}: 1}} for a0 in [1] {_TUPLES}]",
    f"set([a{_LEVELS} for a0 in [1] {_TUPLES}])",
    f"load_yaml('k0: &k0 [x]\\n{_ALIASES}')",
    f"load_yaml('k0: &k0 {{x: 1}}\\n{_MERGES}')",
    "load_yaml('&a [*a]')",
    "load_yaml('&a {<<: *a}')",
    "load_yaml('[' * 100000)",
    "load_yaml('- ' * 50000)",
    "load_yaml(':'.join(['1'] * 90000))",
    "load_yaml('x' * 200001)",
    "[[x.append(x), x] for x in [[1]]]",
    "str({i: x for x in ['a' * 1000000] for i in range(1000)}.items())",
    "str([map(str, [[0] * 1000000] * 1000)])",
    f"json.dumps([map(list, [a{_LEVELS}] * 1000) for a0 in [1] {_NESTED}])",
    # source
    "(" * 500 + "1" + ")" * 500,
    "-" * 5000 + "1",
    "not " * 3000 + "1",
    "[" * 150 + "]" * 150,
    "_" + "[0]" * 5000,
    "_" + ".get(1)" * 2000,
    "1 if 1 else " * 5000 + "1",
    "+".join(["1"] * 60000),
    "f'{" * 200,
    "1\0",
]

ESCAPES = [
    "_.__class__",
    "(1).__class__.__bases__",
    "''.__class__.__mro__",
    "[].append.__self__",
    "len.__globals__",
    "json.loads.__globals__",
    "json.__dict__",
    "json.members",
    "json.decoder",
    "len.call",
    "hasattr.call.__globals__",
    "datetime.datetime.__subclasses__()",
    "datetime.sys",
    "'{0.__class__}'.format(1)",
    "'{x}'.format_map({'x': 1})",
    "str.format('{0.__class__}', 1)",
    "f'{_:{_.__class__}}'",
    "'%(__class__)s' % _.__dict__",
    "(x for x in [1]).gi_frame",
    "map(len, [[1]]).gi_frame",
    "zip([1]).gi_code",
    "re.search('a', 'a').re",
    "re.search('a', 'a')._match",
    "csv.writer('')._form",
    "csv.register_dialect('x')",
    "{'a': 1}.keys().mapping",
    "dict.fromkeys([1])",
    "type(1)",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "compile('1', '', 'eval')",
    "__import__('os')",
    "__builtins__",
    "globals()",
    "vars(_)",
    "getattr(1, 'real')",
    "iter([1])",
    "os.system('true')",
    "math.factorial(10)",
    "random.seed(1)",
    "random.SystemRandom()",
    "yaml.unsafe_load('a')",
    "load_yaml('!!python/object/apply:os.system [\"true\"]')",
    "yaml.load('!!python/name:os.system', None)",
    "string.Formatter",
    "urllib.request",
    "time.sleep(10)",
    "'a'.encode('idna')",
    "'a'.encode('zlib')",
    "(lambda: 1)()",
    "(y := 1)",
    "{x for x in [1]}",
    "steps.view_json()",
    "steps.given",
    "steps._secret",
    "len",
    "json",
    "1j",
    "b'x'",
    "hasattr(_, '__class__') or 1 / 0",
    "map(_.pop.__func__, [])",
]


def main() -> None:
    """Run the sources of standard input."""
    from silvercup.errors import ExpressionError
    from silvercup.expressions import compile_value

    for warm in ("load_yaml('a')", "re.search('a', 'a')", "html_to_markdown('<p>')", "markdown_to_html('a')"):
        compile_value(f"$ {warm} and 1").evaluate({})
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for source in json.loads(sys.stdin.read()):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            result = compile_value(f"$ {source}").evaluate({"_": {"a": 1}})
            outcome = ["result", repr(result)[:100]]
        except ExpressionError as error:
            outcome = ["ExpressionError", error.message]
        except BaseException as error:  # noqa: BLE001
            outcome = [type(error).__name__, str(error)[:200]]
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
