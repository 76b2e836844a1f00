"""A build that reaches for the network fails; sockets of this machine itself stay open."""

import functools
import ipaddress
import socket


def is_local(address):
    """Whether an address of a socket is this machine: a path, or a loopback address."""
    if not isinstance(address, tuple):
        return True  # a socket of the file system
    host = address[0]
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name, which has to be asked for somewhere


def refuse_network():
    """Make every socket of this process refuse other machines."""

    def refuse(name):
        original = getattr(socket.socket, name)
        if hasattr(original, "__wrapped__"):
            return

        @functools.wraps(original)
        def connect(self, address):
            if not is_local(address):
                raise RuntimeError(f"The site is built without a network; {address} was asked for.")
            return original(self, address)

        setattr(socket.socket, name, connect)

    refuse("connect")
    refuse("connect_ex")


def setup(app):
    """Refuse the network from here on."""
    refuse_network()
    return {"parallel_read_safe": True, "parallel_write_safe": True}
