"""The command `switchhook`: one file for each group of commands."""
