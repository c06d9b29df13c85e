"""`switchhook bench`: how fast, measured against the bare loops that the service is made of.

    drain      deliveries per second from a backlog, floor and service in turns

    site       the servers, the sink and the settings that all measurements share
    seed       accounts and webhooks in the store
    load       events, published with confirms: a backlog in one go, or at a steady rate
    sink       where requests go: nginx, or the receiver; both count what arrives
    receiver   a process of its own that answers and notes how old each event was
    floor      a process of its own: the bare loops
    sample     a process watched while it works: its counter, its CPU time, its memory

    figures    medians, percentiles, ratios
    machine    where it was measured, and with what
    report     results as a table
    chart      results as a picture
    runner     which measurements, in which order

Every measurement adds its file to `runner.MEASURES`, and its lines to `report`.
"""
