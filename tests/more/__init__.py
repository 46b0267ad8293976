"""Checks that are slow, or that need a tool which not every machine has: docs/checks.md."""
