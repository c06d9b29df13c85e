"""Answers that steer a call: who gave the one that was applied, and why others were not used."""

from enum import StrEnum


class AnswerSource(StrEnum):
    """Who gave the answer that was applied; the values are metric labels."""

    PRIMARY = "primary"
    FALLBACK = "fallback"
    STATIC = "static"
    NONE = "none"
    """Nobody: the call goes on without a document."""


class BadAnswerReason(StrEnum):
    """Why an answer cannot be used; the values are metric labels."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_VERBS = "too_many_verbs"
    WRONG_TYPE = "wrong_type"
    BAD_ENCODING = "bad_encoding"
    MALFORMED = "malformed"
    DTD = "dtd"
    UNKNOWN_VERB = "unknown_verb"
    BAD_ATTRIBUTE = "bad_attribute"
    BAD_URL = "bad_url"
    UNSUPPORTED = "unsupported"
