"""Sections of the settings that belong to single dialects."""

from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.voipbin.policy import VoipbinPolicy

__all__ = ["KazooPolicy", "VoipbinPolicy"]
