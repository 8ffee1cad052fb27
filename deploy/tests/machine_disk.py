"""A disk with a volatile write cache, as an NBD export: what the machine has not flushed may be lost when
its power is cut.

A machine that ends with the emulator's process keeps in its image whatever the emulator had written, flushed
or not. A real disk does not: here each block of 4 KiB that was written since the last flush is, at the cut,
kept or put back to what it was, as a seeded coin says. Blocks are kept whole and in no order.
"""

import os
import random
import socket
import struct
import threading

BLOCK = 4096
# The protocol (NetworkBlockDevice/nbd, doc/proto.md): fixed newstyle, one client at a time.
MAGIC, OPTION_MAGIC, OPTION_REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
REQUEST_MAGIC, SIMPLE_REPLY = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
COMMAND_FUA = 1
EIO, EINVAL = 5, 22
REQUEST_BYTES_MAX = 64 << 20


class Disk:
    """An image file behind a Unix socket. `losses`: blocks unflushed, and lost, at the last cut."""

    def __init__(self, image, path, seed):
        self.file = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.path, self.chance = str(path), random.Random(seed)
        self.undo = {}  # number of a block that is not flushed: what it was
        self.losses = (0, 0)
        self.flushes = self.writes = 0
        self.gone = threading.Event()
        self.gone.set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def await_cut(self, seconds=10):
        """Until the machine's end has been noticed and its losses are settled."""
        if not self.gone.wait(seconds):
            raise TimeoutError("the disk still has a machine")
        return self.losses

    def close(self):
        # Wakes accept(), which close() alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.close(self.file)

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.gone.clear()
            orderly = False
            try:
                orderly = self._negotiate(client) and self._transmit(client)
            except (ConnectionError, OSError):
                pass  # the cut
            client.close()
            self._settle(orderly)
            self.gone.set()

    # --- what is lost ----------------------------------------------------------------------------
    def _settle(self, orderly):
        unflushed, lost = len(self.undo), 0
        for number, content in sorted(self.undo.items()):
            if not orderly and self.chance.random() < 0.5:
                os.pwrite(self.file, content, number * BLOCK)
                lost += 1
        self.undo.clear()
        self.losses = (unflushed, lost)

    def _write(self, offset, data, at_once):
        """`at_once`: it is on the medium when it is answered (FUA), whatever else is in its blocks."""
        end = offset + len(data)
        for number in range(offset // BLOCK, -(-end // BLOCK)):
            begin = number * BLOCK
            if number not in self.undo:
                if at_once:
                    continue
                self.undo[number] = os.pread(self.file, BLOCK, begin)
            elif at_once:
                first, last = max(begin, offset), min(begin + BLOCK, end)
                old = bytearray(self.undo[number])
                old[first - begin:last - begin] = data[first - offset:last - offset]
                self.undo[number] = bytes(old)
        os.pwrite(self.file, data, offset)
        self.writes += 1

    # --- the protocol ----------------------------------------------------------------------------
    def _negotiate(self, client):
        client.sendall(struct.pack(">QQH", MAGIC, OPTION_MAGIC, FIXED_NEWSTYLE | NO_ZEROES))
        no_zeroes = struct.unpack(">I", take(client, 4))[0] & NO_ZEROES
        flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
        while True:
            _, option, length = struct.unpack(">QII", take(client, 16))
            take(client, length)
            if option == OPT_EXPORT_NAME:
                client.sendall(struct.pack(">QH", self.size, flags) + (b"" if no_zeroes else bytes(124)))
                return True
            if option in (OPT_INFO, OPT_GO):
                export = struct.pack(">HQH", 0, self.size, flags)
                client.sendall(answer(option, REP_INFO, export) + answer(option, REP_ACK))
                if option == OPT_GO:
                    return True
                continue
            client.sendall(answer(option, REP_ACK if option == OPT_ABORT else REP_UNSUPPORTED))
            if option == OPT_ABORT:
                return False

    def _transmit(self, client):
        while True:
            magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", take(client, 28))
            if magic != REQUEST_MAGIC or length > REQUEST_BYTES_MAX:
                return False
            if kind == DISCONNECT:
                return True
            data, error, found = take(client, length) if kind == WRITE else b"", 0, b""
            if kind in (READ, WRITE) and offset + length > self.size:
                error = EINVAL
            elif kind == READ:
                found = os.pread(self.file, length, offset)
                error = 0 if len(found) == length else EIO
            elif kind == WRITE:
                self._write(offset, data, flags & COMMAND_FUA)
            elif kind == FLUSH:
                self.undo.clear()
                self.flushes += 1
            else:
                error = EINVAL
            client.sendall(struct.pack(">IIQ", SIMPLE_REPLY, error, handle) + (b"" if error else found))


def answer(option, kind, data=b""):
    return struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data


def take(client, length):
    got = bytearray()
    while len(got) < length:
        piece = client.recv(min(length - len(got), 1 << 20))
        if not piece:
            raise ConnectionError("the machine is gone")
        got += piece
    return bytes(got)
