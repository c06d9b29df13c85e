"""From a message on the bus to a callback, one file per arrow of the flow.

    lanes      the loop of each queue: take a message in, have it settled, acknowledge it
    events     what settles an event:      ingest, match, first attempts
    retries    what settles a retry:       the webhook as it is now, the next attempt
    dead_letter       what settles a dead letter: filed where people find it

    ingest     message -> events, each with its account
    match      event -> the webhooks that want it
    build      event + webhook -> request
    sign       request -> signature
    places     who may send now: places shared by account, then by endpoint
    endpoints  what is known of each endpoint: its limit, its breaker
    holders    who holds the places, for the operator
    current    the webhook as it is now, for what has waited
    access_tokens   for receivers that want OAuth 2.0
    attempt    one request, in its place
    in_flight  requests under way, so that a deleted webhook's can be cut
    deliver    what follows from an attempt
    deferrals  what is put off, gathered by event
    turns      one large piece of work in each round of the event loop
    report     attempts and dead letters -> log, metrics and attempt log
    disable    webhooks that fail and fail -> switched off
    record     attempts -> log, in bulk, off the hot path
    envelope   delivery <-> bytes, for the way through the retry tiers

    progress   how far a message is, for its lane
    memory     what was finished lately, so that nothing is done twice after a lost connection
    patience   waiting for a dependency that is away
    preview    what a receiver would get, without a delivery

`service/wiring/service.py` puts them together.
"""
