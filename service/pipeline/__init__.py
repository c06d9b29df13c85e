"""From a message on the bus to a callback.

The files of this folder are the flow, in the order in which an event passes them:

    lanes         the loop of each queue: take a message in, settle it, acknowledge it
    events        an event's message:      ingest, match, first attempts
    ingest        message -> events, each with its account (the dialect decodes)
    match         event -> the webhooks that want it
    deliver       a message's deliveries -> attempts, and what follows from each
    attempt       one HTTP request, in its place
    deferrals     deliveries put off without an attempt, gathered by event
    envelope      deliveries <-> bytes, for the way through the retry tiers
    retries       a retry's message:       the webhook as it is now, the next attempt
    dead_letters  a dead letter's message: filed in the store, where people find it
    progress      how far a message is, for its lane
    coalescing    of a burst of events, only the latest within a window
    batching      deliveries of one webhook that travel in one request
    gathering     an open batch, and the deliveries in it
    steps         statuses in a profile, none of which comes after a later one
    rpc           requests of a switch's own services, over the bus

The folders are what the flow uses:

    request/      the destination of an attempt, its content, headers and signature
    accounts/     accounts and webhooks in memory
    limits/       places shared by account, then by endpoint; breakers; rounds of the event loop
    outcomes/     log, metrics, attempt log, and webhooks disabled for failing
    recovery/     broker or store away, messages delivered twice, messages that kill workers
    dry_run/      samples, test requests, and why a webhook would not get an event
    live/         streams of attempts and events, for clients that listen
    calls/        what is known of calls: sequence, order, summaries, ends that were never told
    ask/          questions whose answer steers a call, and what is done with the answer

`service/wiring` puts them together.
"""
