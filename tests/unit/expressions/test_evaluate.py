"""What expressions mean."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from silvercup.errors import ExpressionError, TransientError
from silvercup.expressions import View, compile_value


def value(source: str, **scope: Any) -> Any:
    return compile_value(f"$ {source}").evaluate(scope)


DATA = {
    "a b": 1,
    "items": [3, 1, 2],
    "n": None,
    "text": "Hello. World",
    "calls": [{"id": "c1", "function": {"arguments": '{"action": "go"}'}}],
    "1st": "x",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3 ** 2 // 4 % 5 - -1", 1 + 2 * 3**2 // 4 % 5 + 1),
        ("7 & 3 | 8 ^ 1 << 2 >> 1", 7 & 3 | 8 ^ 1 << 2 >> 1),
        ("~5", -6),
        ("1 < 2 < 3 and not 3 < 2", True),
        ("0 or '' or 'x'", "x"),
        ("1 in [1] and 2 not in {1: 1} and None is None", True),
        ("'a' if 0 else 'b'", "b"),
        ("[*range(3), *'ab']", [0, 1, 2, "a", "b"]),
        ("{**{'a': 1}, 'b': 2}", {"a": 1, "b": 2}),
        ("[x * y for x in range(3) if x for y in (1, 10)]", [1, 10, 2, 20]),
        ("{k: v for k, v in {'a': 1}.items()}", {"a": 1}),
        ("[(h, t) for h, *t in [[1, 2, 3]]]", [[1, [2, 3]]]),
        ("[_ for _ in _['items']]", [3, 1, 2]),
        ("[x for x in [y for y in range(3)]]", [0, 1, 2]),
        ("list(x for x in range(3))", [0, 1, 2]),
        ("'hello'[1:-1:2]", "el"),
        ("'%s is %5.2f%% of %r, %(x)s' % () if False else '%s is %5.2f%%' % ('a', 3)", "a is  3.00%"),
        ("'%(x)s-%(y)03d' % {'x': 'q', 'y': 7}", "q-007"),
        ('f\'{1.5:.2f} {"a":>3} {[1]!r} {"x"!r}\'', "1.50   a [1] 'x'"),
        ("_.a_b", 1),
        ("_.x1st", "x"),
        ("_['items'][-1]", 2),
        ("_.get('zzz', 5)", 5),
        ("sorted(_['items'], reverse=True)", [3, 2, 1]),
        ("sorted(['bb', 'a'], key=len)", ["a", "bb"]),
        ("reversed([1, 2])", [2, 1]),
        ("max(_['items']) + min(1, 2) + sum([1, 2], 3)", 10),
        ("max([], default=4)", 4),
        ("list(zip([1, 2], 'ab'))", [[1, "a"], [2, "b"]]),
        ("list(enumerate('ab', 1))", [[1, "a"], [2, "b"]]),
        ("list(map(str, [1, 2]))", ["1", "2"]),
        ("reduce(max, [1, 5, 2])", 5),
        ("dict({'a': 1}, b=2)", {"a": 1, "b": 2}),
        ("dict([('a', 1)])", {"a": 1}),
        ("set([2, 1, 2])", [1, 2]),
        ("{1, 2} | {3}", [1, 2, 3]),
        ("round(2.567, 1)", 2.6),
        ("int('12') + float('1.5')", 13.5),
        ("bool([]) or all([1, True]) and any([0, 1])", True),
        ("abs(-3)", 3),
        ("len(range(10))", 10),
        ("hasattr(_, 'text') and not hasattr(_, 'nothing')", True),
        ("'x' + NEWLINE + str(true) + str(null)", "x\nTrueNone"),
        ("str({'a': [1, None]})", "{'a': [1, None]}"),
        ("load_json(_.calls[0].function.arguments)['action']", "go"),
        ("json.loads('[1, 2]') + yaml.safe_load('[3]')", [1, 2, 3]),
        ("json.dumps({'a': (1,)}, indent=1)", '{\n "a": [\n  1\n ]\n}'),
        ("dump_yaml({'b': [1], 'a': 'x'})", "a: x\nb:\n- 1\n"),
        ("load_yaml('a: &x [1]\\nb: *x\\nc: {<<: {d: 1}}')", {"a": [1], "b": [1], "c": {"d": 1}}),
        ("extract_json('Sure:\\n```json\\n{\"a\": 1}\\n```\\nbye')", {"a": 1}),
        ("extract_json('```\\n[1]\\n```')", [1]),
        ('extract_json(\' {"a": "x\\ty"} \')', {"a": "x\ty"}),
        ("search_regex('(o)(r)', _.text).group(1)", "o"),
        ("search_regex('zzz', _.text)", None),
        ("match_regex('[a-z]+', 'abc') and not match_regex('[a-z]+', 'abc1')", True),
        ("re.sub('(l+)', '<\\\\1>', 'hello')", "he<ll>o"),
        ("re.sub('l', str, 'l') if False else re.subn('l', 'L', 'hello', 1)", ["heLlo", 1]),
        ("re.findall('[A-Z]', _.text)", ["H", "W"]),
        ("[m.start() for m in re.finditer('o', _.text)]", [4, 8]),
        ("re.split('[.] ', _.text)", ["Hello", "World"]),
        ("re.escape('a.b')", "a\\.b"),
        ("datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc.utc)", "2024-02-29T00:00:00+00:00"),
        ("datetime.datetime.datetime(2024, 1, 1).date() + datetime.timedelta(days=1)", "2024-01-02"),
        ("datetime.datetime.strptime('2024-05', '%Y-%m').strftime('%d.%m.%y')", "01.05.24"),
        ("f'{datetime.datetime(2024, 1, 2):%Y/%m}'", "2024/01"),
        ("datetime.datetime.now().year > 2000 and datetime.now().year > 2000", True),
        ("datetime.timedelta(hours=1).total_seconds()", 3600.0),
        ("time.time() > 0", True),
        ("math.sqrt(16) + math.floor(math.pi)", 7.0),
        ("statistics.median([1, 3, 2])", 2),
        ("base64.b64decode(base64.b64encode('hé'))", "hé"),
        ("urllib.parse.urlencode({'q': 'a b'})", "q=a+b"),
        ("urllib.parse.urlparse('http://h:8/p?q#f').netloc", "h:8"),
        ("urllib.parse.parse_qs('a=1&a=2')", {"a": ["1", "2"]}),
        ("random.choice([5]) + random.randint(1, 1) + len(random.sample([1, 2], 2))", 8),
        ("string.digits", "0123456789"),
        ("list(csv.reader('a,b\\n\"1,5\",2'))", [["a", "b"], ["1,5", "2"]]),
        ("list(csv.DictReader('a,b\\n1,2'))", [{"a": "1", "b": "2"}]),
        (
            "[[w.writeheader(), w.writerow({'a': 1, 'b': 'x,y'}), w.getvalue()][2] for w in [csv.DictWriter('', ['a', 'b'])]]",
            ['a,b\r\n1,"x,y"\r\n'],
        ),
        ("len(chunk_doc(' '.join([f'Sentence {i}.' for i in range(20)])))", 2),
        ("chunk_doc('One. Two!')", ["One. Two!"]),
        ("markdown_to_html('# A *b*')", "<h1>A <em>b</em></h1>\n"),
        ("html_to_markdown('<h1>A</h1><p>b <a href=\"u\">c</a><script>x</script></p>')", "# A\n\nb [c](u)"),
        ("[i.append(9) for i in [_['items']]] and _['items']", [3, 1, 2, 9]),
        ("'a,b,c'.rsplit(',', maxsplit=1) + 'x y'.split()", ["a,b", "c", "x", "y"]),
        ("'-'.join(['a', 'b']).upper().center(7, '*').replace('*', '.')", "..A-B.."),
        ("'12'.zfill(4) + 'a\\tb'.expandtabs(2) + 'abc'.translate({97: 'x', 98: None})", "0012a bxc"),
        ("(1).bit_length() + 1.0.is_integer()", 2),
        ("[1, 2, 1].count(1) + [1, 2].index(2) + (1, 2).count(2)", 4),
        ("2 ** -1", 0.5),
    ],
)
def test_value(source: str, expected: Any) -> None:
    assert value(source, _=DATA) == expected
    assert DATA["items"] == [3, 1, 2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("_.tex", r"no key 'tex'; there are: 'a b', 'items'.*Did you mean 'text'"),
        ("_['nope']", "no key 'nope'"),
        ("_.n.x", "the value is null"),
        ("_['items'][7]", "index 7 is out of range: the length is 3"),
        ("_['items']['a']", "indexed by numbers"),
        ("_['items'].text", "take an element first"),
        ("agnet", "'agnet' is not defined here"),
        ("1 / 0", "division by zero"),
        ("len(5)", "has no length"),
        ("len(1, 2)", "wrong arguments"),
        ("'a' + 1", "TypeError"),
        ("_()", "can't be called"),
        ("{{1}: 2}", "a set can't be a key"),
        ("[x for x, y in [[1]]]", "can't be unpacked"),
        ("[x for x in 5]", "can't be looped over"),
        ("extract_json('```json {')", "no closing"),
        ("extract_json('nonsense')", "the text begins 'nonsense'"),
        ("load_yaml('a: [')", r"not valid.*line"),
        ("re.search('(', 'x')", "RE2"),
        ("nlp('x')", "not available in this version"),
        ("search_regex('a', 'a')", "match object"),
        ("[0.1] * 3 == float('nan') or float('nan')", "nan"),
        ("_['text' * 100]", "no key"),
        ("f'{[1]:>5}'", "no format specification"),
        ("'%d %d' % (1,)", "not enough arguments"),
        ("'%d' % (1, 2)", "not all arguments"),
    ],
)
def test_error_says_what_and_where(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        value(source, _=DATA)
    assert f"(in `{source}`)" in caught.value.message or len(source) > 200
    assert len(caught.value.message) < 800


def test_a_large_value_is_never_shown() -> None:
    with pytest.raises(ExpressionError) as caught:
        value("_.x", _={"k" * 1000: "v" * 10_000} | {f"key{i}": i for i in range(1000)})
    assert len(caught.value.message) < 800


def test_an_error_never_shows_a_secret() -> None:
    secret = "sk-very-secret-value"
    for source in (
        "int(secrets.KEY)",
        "_[secrets.KEY]",
        "extract_json(secrets.KEY)",
        "json.loads('{}')[secrets.KEY]",
        "secrets[secrets.KEY]",
    ):
        with pytest.raises(ExpressionError) as caught:
            value(source, _={}, secrets={"KEY": secret})
        assert secret not in caught.value.message
        assert caught.value.__cause__ is None


def test_what_the_caller_gave_is_never_changed() -> None:
    given = {"xs": [1, {"y": [2]}], "d": {"k": 1}}
    assert value("[_.xs.append(3), _.xs[1].y.clear(), _.d.update(z=1), _.xs, _.d]", _=given)[3:] == [
        [1, {"y": []}, 3],
        {"k": 1, "z": 1},
    ]
    assert given == {"xs": [1, {"y": [2]}], "d": {"k": 1}}


class Steps(View):
    def __init__(self, given: Any) -> None:
        self.given = given

    def __repr__(self) -> str:
        return "steps"

    def __len__(self) -> int:
        return len(self.given)

    def __iter__(self) -> Any:
        return iter(self.given)

    def view_getitem(self, key: object) -> object:
        if key == 9:
            raise TransientError("throttled")
        if key == 5:
            raise KeyError("step 5 has not run yet")
        return self.given[key]

    def view_getattr(self, name: str) -> object:
        return {"first": self.given[0]}[name]

    def view_json(self) -> object:
        return self.given


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps[0].a", 1),
        ("steps.first.a", 1),
        ("steps.get(1, 'none')", "none"),
        ("steps.get(0)", {"a": 1}),
        ("len(steps)", 1),
        ("[s.a for s in steps]", [1]),
        ("steps", [{"a": 1}]),
        ("{'x': [steps]}", {"x": [[{"a": 1}]]}),
        ("str(steps) + f'{steps}' + str([steps])", "[{'a': 1}][{'a': 1}][[{'a': 1}]]"),
        ("hasattr(steps, 'first') and not hasattr(steps, 'last')", True),
        ("[steps[0].update(b=2), steps[0]][1]", {"a": 1, "b": 2}),
        ("[[s.update(b=2) for s in steps], steps[0].get('b'), steps][1]", 2),
    ],
)
def test_views(source: str, expected: Any) -> None:
    given = [{"a": 1}]
    assert value(source, steps=Steps(given)) == expected
    assert given == [{"a": 1}]


def test_a_view_tells_what_is_missing() -> None:
    with pytest.raises(ExpressionError, match="step 5 has not run yet"):
        value("steps[5]", steps=Steps([1]))
    with pytest.raises(ExpressionError, match="steps has no item 3"):
        value("steps[3]", steps=Steps([1]))
    with pytest.raises(ExpressionError, match="steps has no attribute 'last'"):
        value("steps.last", steps=Steps([1]))


def test_a_failure_to_load_is_not_the_expressions() -> None:
    with pytest.raises(TransientError, match="throttled"):
        value("steps[9]", steps=Steps([1]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("(1, (2,))", [1, [2]]),
        ("{1: 'a', None: 'b', True: 'c', 1.5: 'd'}", {"1": "c", "null": "b", "1.5": "d"}),
        ("'a\\0b'", "ab"),
        ("'\\ud800'", "\ufffd"),
        ("'\\ud83d\\ude00'", "\U0001f600"),
        ("{'k\\0': 1}", {"k": 1}),
        ("map(str, [1])", ["1"]),
        ("{'a': 1}.keys()", ["a"]),
        ("{'a': 1}.items()", [["a", 1]]),
        ("range(3)", [0, 1, 2]),
        ("datetime.date(2024, 1, 2)", "2024-01-02"),
        ("datetime.timedelta(days=1, seconds=1)", "1 day, 0:00:01"),
        ("[[x, x] for x in [[1]]]", [[[1], [1]]]),
    ],
)
def test_results_are_plain_json(source: str, expected: Any) -> None:
    assert value(source) == expected


def test_raw_results_stay_as_they_are() -> None:
    given: list[int] = []
    assert compile_value("$ _").evaluate_raw({"_": given}) is given
    assert compile_value("$ (1, 2)").evaluate_raw({}) == (1, 2)
    assert compile_value(["$ {1}", "{_}"]).evaluate_raw({"_": 2}) == [{1}, "2"]


def test_a_value_of_any_size_passes_through() -> None:
    text = "x" * 20_000_000
    rows = [{"id": i, "text": "y"} for i in range(50_000)]
    assert value("_", _=text) == text
    assert value("{'t': _.strip(), 'n': len(_)}", _=text) == {"t": text, "n": len(text)}
    assert value("_[0].id + len(_)", _=rows) == 50_000
    assert value("_", _=rows) == rows


def test_threads_do_not_meet() -> None:
    compiled = compile_value({"a": "$ [x + _ for x in range(200)]", "b": "{_}"})
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(20):
            got = compiled.evaluate({"_": number})
            if got != {"a": [x + number for x in range(200)], "b": str(number)}:
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
