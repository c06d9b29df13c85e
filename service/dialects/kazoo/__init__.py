"""Kazoo's dialect; `events` has one file per family of messages.

Facts come from the public sources of 2600hz/kazoo at commit dcf86cbc.
"""
