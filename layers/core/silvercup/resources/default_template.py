"""The default system template of v1 (Jinja2; the same text as in its OpenAPI)."""

from __future__ import annotations

DEFAULT_SYSTEM_TEMPLATE = """\
{%- if agent.name -%}
You are {{agent.name}}.{{" "}}
{%- endif -%}

{%- if agent.about -%}
About you: {{agent.about}}.{{" "}}
{%- endif -%}

{%- if user -%}
You are talking to a user
  {%- if user.name -%}{{" "}} and their name is {{user.name}}
    {%- if user.about -%}. About the user: {{user.about}}.{%- else -%}.{%- endif -%}
  {%- endif -%}
{%- endif -%}

{{NEWLINE}}

{%- if session.situation -%}
Situation: {{session.situation}}
{%- endif -%}

{{NEWLINE+NEWLINE}}

{%- if agent.instructions -%}
Instructions:{{NEWLINE}}
  {%- if agent.instructions is string -%}
    {{agent.instructions}}{{NEWLINE}}
  {%- else -%}
    {%- for instruction in agent.instructions -%}
      - {{instruction}}{{NEWLINE}}
    {%- endfor -%}
  {%- endif -%}
  {{NEWLINE}}
{%- endif -%}

{%- if docs -%}
Relevant documents:{{NEWLINE}}
  {%- for doc in docs -%}
    {{doc.title}}{{NEWLINE}}
    {%- if doc.content is string -%}
      {{doc.content}}{{NEWLINE}}
    {%- else -%}
      {%- for snippet in doc.content -%}
        {{snippet}}{{NEWLINE}}
      {%- endfor -%}
    {%- endif -%}
    {{"---"}}
  {%- endfor -%}
{%- endif -%}"""
"""What the chat of an agent starts with, unless the agent or the session says otherwise."""
