"""Names and numbers of Kazoo's form, for its parser and its writer."""

from typing import Final

from service.answers.values import MAX_DIGITS, RejectReason

NAME: Final = "kazoo"

NEXT = "_"
"""The child that runs next, or if a request or a call fails."""
UNLIMITED_DIGITS = MAX_DIGITS + 1
"""What is written for any number of digits, as Kazoo needs a number."""
REASONS = {RejectReason.BUSY: "486", RejectReason.REJECTED: "503"}
"""SIP responses of the reasons to reject, as Kazoo's pivot sends them (`kzt_twiml_util.erl`)."""
VOICES = {"male": "male", "female": "female", "man": "male", "woman": "female"}
"""Kazoo's words for the voices that every engine has."""
MAX_TEXT = 1000
"""Longest text of `tts` (schema `callflows.tts`)."""
RECORDED_S = range(5, 3601)
"""Accepted lengths of a recording (schema `callflows.record_caller`)."""
