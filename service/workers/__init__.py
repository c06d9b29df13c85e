"""Several equal worker processes on one machine, and the supervisor that keeps them running.

`switchhook run --workers N` is the supervisor. Each worker is a fork of the template, a process
that has only imported all modules (`python -m service worker`), so that a worker inherits nothing
of a running event loop. The processes share the following, each for the reason given:

- **Life.** The workers' standard input is a pipe that only the supervisor holds. When the
  supervisor ends in any way, the workers read end of file, finish what is in flight and end.
  Each worker has a session of its own: Ctrl-C reaches the supervisor alone, which passes it on.
- **The template.** Imports take most of a start, and are done once: a worker that died is replaced
  within tenths of a second. The template ends when its socket is closed. Workers are children of
  the supervisor and no longer need the template once they run.
- **The API's port.** The supervisor opens it once and every worker inherits the listening socket,
  so that all accept connections from one queue. With a socket per worker (SO_REUSEPORT) the kernel
  would assign connections without regard to the worker's state: connections assigned to a worker
  that dies, ends or hangs would be lost, and two installations could share a port unnoticed.
- **Health.** The worker that accepts a probe on that port must answer for all. So each worker also
  answers for itself, on a Unix socket in the supervisor's temporary directory, and the probed
  worker asks all of them. The supervisor takes no part; a worker that hangs is named by the others.
- **Metrics.** Workers keep metrics in files of that directory, named by the worker's *number*: a
  restarted worker continues the counts of its predecessor, and files do not pile up. The supervisor
  sums them.
"""
