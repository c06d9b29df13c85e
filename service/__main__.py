"""`python -m service` is the `switchhook` command."""

from service.cli.main import main

if __name__ == "__main__":
    main()
