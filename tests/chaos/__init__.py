"""What is survived, with the figures to say so: one fault, one row, one verdict.

    proxy      a TCP proxy that refuses, holds, cuts, delays
    sink       the receiver that judges
    tally     who is owed what, the load, the verdict
    rig      a service with its servers, set up for one fault
    report     the table

README.md here lists every fault: its row, or why it has none.
"""
