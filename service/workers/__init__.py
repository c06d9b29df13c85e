"""Several equal worker processes on one machine, and the supervisor that keeps them running.

`switchhook run --workers N` is the supervisor. Each worker is a fork of the template, a
process that has only imported everything (`python -m service worker`), so nothing of a running
event loop is inherited. What the parts share,
and why in this way:

- **Life.** The workers' standard input is a pipe that only the supervisor holds. When the
  supervisor is gone, however it went, they read the end of it, finish what is in flight and end.
  A worker has a session of its own: a Ctrl-C reaches the supervisor alone, which passes it on.
- **The template.** Importing is most of a start, and done once: a worker that died is back in
  tenths of a second. The template ends with its socket; workers are children of the supervisor,
  and need it no more once they run.
- **The API's port.** The supervisor opens it once and every worker inherits the listening socket,
  so all take connections from one queue. With a socket per worker (SO_REUSEPORT) the kernel deals
  connections out blindly: those dealt to a worker that dies, ends or hangs are lost with it, and
  two installations on one port would not notice each other.
- **Health.** Whoever takes a probe on that port must answer for all. So each worker also answers
  for itself, on a Unix socket in the supervisor's temporary directory, and a probe makes one of
  them ask all. Nothing passes through the supervisor; the others name a worker that hangs.
- **Metrics.** Workers keep theirs in files of that directory, under the worker's *number*: a worker
  that is started again counts on where the one before it stopped, and files do not pile up. The
  supervisor adds them up.
"""
