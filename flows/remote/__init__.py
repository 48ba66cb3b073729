"""A target on another machine: the protocol, a small server for a board or a simulator, and the client.

`protocol.py` and `server.py` need Python 3.10 or later and numpy only, so that they run on a PYNQ board as they are.
"""
