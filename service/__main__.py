"""The command `switchhook`, also run by `python -m service`.

The garbage collector is off during the imports and never looks at what they made, since nothing of
it can be freed: searching it took a third of the processor time of a short command.
"""

import gc

gc.disable()

from service.cli.main import main  # noqa: E402 (the collector must be off by then)

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
