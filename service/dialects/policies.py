"""Sections of the settings that belong to single dialects."""

from service.dialects.kazoo.policy import KazooPolicy

__all__ = ["KazooPolicy"]
