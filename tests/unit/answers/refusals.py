"""The error of a form's parser."""

import pytest

from service.answers.errors import BadAnswer
from service.answers.forms import FORMS
from service.answers.policy import AnswerPolicy


def refused(form: str, content: bytes, policy: AnswerPolicy | None = None) -> BadAnswer:
    """Return the error of a form's parser."""
    with pytest.raises(BadAnswer) as caught:
        FORMS[form].parse(content, policy or AnswerPolicy())
    return caught.value
