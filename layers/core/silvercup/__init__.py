"""Silvercup: a serverless backend for AI agents, compatible with the Julep v1 API.

The floors of this package, from the top down; an import only ever points down (held by ``import-linter``):

- edge: ``http`` (the API), ``runtime`` (what state machines call)
- services: ``tasks``
- records: ``executions``, ``resources``
- language: ``statemachines`` (its own top-level package), ``expressions``, ``llm``
- ground: ``errors``, ``settings``, ``ids``, ``storage``, ``values``

``adapters`` is the only place that imports vendor SDKs; ``container`` wires them, lazily.
"""
