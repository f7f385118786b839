"""YAML in and out. Only the safe kinds of node; merges and depth are counted.

An alias is the same object once more, so many of them take no memory; what walks the value later measures it (``sizes``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_VALUE_DEPTH, Meter, at_most
from silvercup.expressions.results import to_json
from silvercup.expressions.sizes import weigh

MAX_YAML = 200_000
MAX_DUMP = 1_000_000
_MAX_MERGED = 10_000
_MAX_NUMBER = 400


def load(meter: Meter, text: Any, *_loader: object, **_named: object) -> Any:
    """The value of a YAML text of at most 200,000 characters.

    Raises:
        ExpressionError: It is no YAML, or goes over a limit.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"a YAML text is needed, not a value of type {type(text).__name__}")
    at_most(len(text), MAX_YAML, "reading YAML")
    yaml = meter.load("yaml")
    meter.charge(len(text) * 60)
    loader: Any = None
    try:
        _check_depth(meter, yaml, text)
        loader = _loader_class(yaml)(text, meter)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ExpressionError(
            f"the YAML text is not valid: {getattr(error, 'problem', None) or 'error'}{where}"
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_depth(meter: Meter, yaml: Any, text: str) -> None:
    """Refuse what would end the process: the C parser recurses without looking."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        meter.tick()
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_VALUE_DEPTH:
                raise ExpressionError(f"the YAML text is nested more than {MAX_VALUE_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@cache
def _loader_class(yaml: Any) -> Any:
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def __init__(self, text: str, meter: Meter) -> None:
            super().__init__(text)
            self.meter = meter

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            self.meter.tick()
            parent: Any = super()
            return parent.construct_object(node, deep)

        def construct_yaml_int(self, node: Any) -> Any:
            at_most(len(node.value), _MAX_NUMBER, "a number in YAML")
            parent: Any = super()
            return parent.construct_yaml_int(node)

        def construct_yaml_float(self, node: Any) -> Any:
            at_most(len(node.value), _MAX_NUMBER, "a number in YAML")
            parent: Any = super()
            return parent.construct_yaml_float(node)

        def flatten_mapping(self, node: Any) -> None:
            """Merge keys (``<<``); nested ones would double at every level."""
            merged: list[Any] = []
            kept: list[Any] = []
            for key, value in node.value:
                self.meter.tick()
                if key.tag == "tag:yaml.org,2002:merge":
                    merged += self._merged(node, value, len(merged))
                    continue
                if key.tag == "tag:yaml.org,2002:value":
                    key.tag = "tag:yaml.org,2002:str"
                kept.append((key, value))
            node.value = merged + kept

        def _merged(self, node: Any, value: Any, size: int) -> list[Any]:
            found: list[Any] = []
            for source in reversed(value.value) if isinstance(value, yaml.SequenceNode) else (value,):
                if not isinstance(source, yaml.MappingNode) or source is node:
                    raise ExpressionError("YAML's `<<` merges mappings only")
                self.flatten_mapping(source)
                found.extend(source.value)
                if size + len(found) > _MAX_MERGED:
                    raise ExpressionError(f"YAML's `<<` merges more than {_MAX_MERGED:,} keys")
            return found

    for name in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{name}", getattr(Loader, f"construct_yaml_{name}"))
    return Loader


def dump(meter: Meter, value: object, *, sort_keys: bool = True, indent: int | None = None, **named: Any) -> str:
    """``yaml.safe_dump``, of what ``to_json`` makes of the value."""
    allowed = {"default_flow_style", "allow_unicode"}
    if unknown := sorted(set(named) - allowed):
        raise ExpressionError(
            f"dumping YAML takes no option {unknown[0]!r}; there are: sort_keys, indent, {', '.join(sorted(allowed))}"
        )
    made = to_json(value)
    weigh(meter, made, MAX_DUMP)
    yaml = meter.load("yaml")

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
        def represent_data(self, data: Any) -> Any:
            meter.tick()
            parent: Any = super()
            return parent.represent_data(data)

        def ignore_aliases(self, _data: object) -> bool:
            return True

    options = {name: bool(option) for name, option in named.items() if option is not None}
    text: str = yaml.dump(made, Dumper=Dumper, sort_keys=bool(sort_keys), indent=indent, **options)
    meter.text(len(text))
    return text
