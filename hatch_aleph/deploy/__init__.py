"""Artifact and network to a running program: plan, journal, apply, health."""
