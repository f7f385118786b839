"""Docs: snippets of agents and users, kept in a table, found through an index that is made from it."""
