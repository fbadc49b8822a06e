"""Composites: plain functions of primitives. They carry no derivative rules."""
