"""Entities that callers make and own (agents), the keys they come with, and what makes their POSTs safe to repeat."""
