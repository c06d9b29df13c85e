"""From a message on the bus to a callback, one file per arrow of the flow.

lanes      take messages in, settle each, acknowledge it         (event lane, delivery lane)
ingest     message -> events, each with its account
match      event -> the webhooks that want it
build      event + webhook -> request
sign       request -> signature
deliver    one attempt, and what follows from it
gates      who may send now: the pool's shares, and each endpoint's
record     attempts -> log, in bulk, off the hot path
envelope   delivery <-> bytes, for the way through the retry tiers
bury       dead-letter queue -> where people find it
"""
