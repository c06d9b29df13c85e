"""Payments by telephone, which only VoxML has."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from service.answers.prompts import Prompt
from service.answers.values import (
    AskUrl,
    History,
    Language,
    Method,
    NotifyUrl,
    TimeoutS,
)


@dataclass(frozen=True, slots=True)
class PayPrompt:
    """Prompt at a stage of a payment."""

    stage: str = ""
    attempt: str = ""
    card_type: str = ""
    error_type: str = ""
    require_matching_inputs: bool = False
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class PayParameter:
    """Member that is passed on to the payment service."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Pay:
    """Take a payment. Attributes whose values the vendor does not publish are texts."""

    action: AskUrl | None = None
    method: Method = Method.POST
    input: str = ""
    language: Language = ""
    max_attempts: Annotated[int, Ge(1), Le(10)] | None = None
    timeout_s: TimeoutS | None = None
    charge_amount: str = ""
    currency: str = "usd"
    description: str = ""
    payment_connector: str = ""
    payment_method: str = ""
    token_type: str = ""
    valid_card_types: str = ""
    security_code: str = ""
    postal_code: str = ""
    min_postal_code_length: Annotated[int, Ge(0), Le(20)] | None = None
    bank_account_type: str = ""
    status_callback: NotifyUrl | None = None
    status_callback_method: Method = Method.POST
    prompts: tuple[PayPrompt, ...] = ()
    parameters: tuple[PayParameter, ...] = ()
    history: History = History.DISABLE
