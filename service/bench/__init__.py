"""`switchhook bench`: measure the service against the bare loops that it is made of.

    drain      deliveries per second from a backlog, floor and service in turns

    site       servers, sink and settings that all measurements share
    seed       accounts and webhooks in the store
    load       events, published with confirms: a backlog at once, or at a steady rate
    sink       target of the requests: nginx, or the receiver; both count requests
    receiver   a process that answers and records the age of each event
    floor      a process that runs the bare loops
    tree       CPU time and memory of a server with its child processes
    sample     counter, CPU time and memory of a process while it works

    figures    medians, percentiles, ratios
    machine    the machine and the versions measured
    report     results as a table
    chart      results as a picture
    history    speed and CPU time of all runs as a picture
    capacity   what a rate of events needs, computed (`switchhook bench scale`)
    runner     the measurements and their order
    stopping   the end by a signal

    peers      the same for other senders of webhooks (`switchhook bench peers`)

Each measurement is listed in `runner.MEASURES`, and has its lines in `report`.
"""
