"""A host with a TCP that small devices have, lwIP (liblwip.so.0 of Debian's liblwip0), on a tap
device and in this process. Blocking sockets, of which one at a time is used."""

import ctypes
import os
import socket
import struct
import threading
import time

LIBRARY = "liblwip.so.0"
IPPROTO_TCP, TCP_NODELAY = 6, 1


class Host:
    def __init__(self, tap, address, mask="255.0.0.0"):
        """The tap device must be up."""
        os.environ["PRECONFIGURED_TAPIF"] = tap
        self.lwip = ctypes.CDLL(os.environ.get("LWIP", LIBRARY))
        self.lwip.netif_add.restype = ctypes.c_void_p
        self._interface = ctypes.create_string_buffer(2048)  # larger than struct netif
        self._numbers = [ctypes.c_uint32(struct.unpack("=I", socket.inet_aton(text))[0])
                         for text in (address, mask, "0.0.0.0")]
        self._begin = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._add_interface)
        self._ready = threading.Event()
        self.lwip.tcpip_init(self._begin, None)
        if not self._ready.wait(5):
            raise OSError(f"lwIP does not start on {tap}")

    def _add_interface(self, _):
        """On lwIP's own thread."""
        functions = [ctypes.cast(each, ctypes.c_void_p)
                     for each in (self.lwip.tapif_init, self.lwip.tcpip_input)]
        self.lwip.netif_add(self._interface, *[ctypes.byref(n) for n in self._numbers], None,
                            *functions)
        for step in (self.lwip.netif_set_default, self.lwip.netif_set_up,
                     self.lwip.netif_set_link_up):
            step(self._interface)
        self._ready.set()

    def connect(self, address, port):
        return Session(self.lwip, address, port)


def name_of(address, port):
    """As struct sockaddr_in."""
    return (struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) +
            socket.inet_aton(address) + bytes(8))


class Session:
    """As much of a socket as probe.py needs."""

    def __init__(self, lwip, address, port):
        self.lwip = lwip
        self.number = lwip.lwip_socket(socket.AF_INET, socket.SOCK_STREAM, 0)
        on = ctypes.c_int(1)
        lwip.lwip_setsockopt(self.number, IPPROTO_TCP, TCP_NODELAY, ctypes.byref(on), 4)
        # lwIP counts ports and sequence numbers from the same ones each time, where an earlier
        # session may be remembered.
        own = name_of("0.0.0.0", 49152 + time.monotonic_ns() // 10**6 % 16384)
        name = name_of(address, port)
        if (lwip.lwip_bind(self.number, own, len(own)) != 0 or
                lwip.lwip_connect(self.number, name, len(name)) != 0):
            self.close()
            raise ConnectionError(f"no connection to {address}:{port}")

    def sendall(self, data):
        if self.lwip.lwip_send(self.number, data, len(data), 0) != len(data):
            raise ConnectionError("not sent")

    def recv(self, count):
        room = ctypes.create_string_buffer(count)
        got = self.lwip.lwip_recv(self.number, room, count, 0)
        if got < 0:
            raise ConnectionError("not received")
        return room.raw[:got]

    def close(self):
        self.lwip.lwip_close(self.number)
