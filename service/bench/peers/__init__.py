"""`switchhook bench peers`: the same measurements for us and for other senders of webhooks.

    events      an event of the measurements, with a mark that survives until the receiver
    marks       figures from the marks that arrived: ages, losses, duplicates, order
    stores      PostgreSQL and Redis, which peers need
    peer        what an adapter offers: its servers, subscribe, publish
    rest        a client for the REST APIs of peers
    ours, svix, outpost    the adapters
    programs    programs found on this machine, and the peers that they suffice for
    measure     the measurements of one peer
    table       the results of all peers as text
    runner      all peers one after the other

Nothing of the peers is part of this project: their programs are given by path.
"""
