"""Keeps Modbus sessions of pymodbus or libmodbus busy until standard input ends, as peers/hold.js does.

usage: hold_modbus.py pymodbus|libmodbus SERVER SESSIONS
"""

import ctypes
import ctypes.util
import json
import sys
import threading
import time

PAUSE_S, PATIENCE_S = 0.2, 30


class Pymodbus:
    def __init__(self, server):
        from pymodbus.client import ModbusTcpClient
        self.client = ModbusTcpClient(server, port=502, timeout=PATIENCE_S, retries=0)
        if not self.client.connect():
            raise ConnectionError("refused")
        self.socket = self.client.socket

    def ask(self):
        answer = self.client.read_holding_registers(0, count=10, slave=1)
        if answer.isError():
            raise ValueError(str(answer))

    def lost(self):
        """It opens a socket anew where one failed."""
        return None if self.client.socket is self.socket else "another connection"


class Libmodbus:
    def __init__(self, server):
        self.library = ctypes.CDLL(ctypes.util.find_library("modbus"), use_errno=True)
        self.library.modbus_new_tcp.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.modbus_new_tcp(server.encode(), 502))
        self.library.modbus_set_response_timeout(self.context, PATIENCE_S, 0)
        if self.library.modbus_connect(self.context) != 0:
            raise ConnectionError("refused")
        self.gone = None

    def ask(self):
        registers = (ctypes.c_uint16 * 10)()
        if self.library.modbus_read_registers(self.context, 0, 10, registers) != 10:
            error = ctypes.get_errno()
            if error in (32, 9, 104):  # EPIPE, EBADF, ECONNRESET
                self.gone = f"errno {error}"
            raise ValueError(f"errno {error}")

    def lost(self):
        return self.gone


def hold(session, told, over):
    last = time.monotonic()
    while not over.is_set():
        try:
            session.ask()
            told["answers"] += 1
            told["gap_ms"] = max(told["gap_ms"], round(1000 * (time.monotonic() - last)))
            last = time.monotonic()
            told.pop("failed", None)
        except Exception as error:  # whatever the stack raises is what it says of the session
            told["failures"] += 1
            told["failed"] = str(error)[:200] or type(error).__name__
        if reason := session.lost():
            told["lost"] = reason
            return
        time.sleep(PAUSE_S)


def main():
    stack, server, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    over, held = threading.Event(), []
    for _ in range(count):
        session = {"pymodbus": Pymodbus, "libmodbus": Libmodbus}[stack](server)
        told = {"answers": 0, "failures": 0, "gap_ms": 0}
        thread = threading.Thread(target=hold, args=(session, told, over), daemon=True)
        thread.start()
        held.append((told, thread))
    print(json.dumps({"holding": count}), flush=True)
    sys.stdin.read()
    over.set()
    for _, thread in held:
        thread.join(PATIENCE_S)
    print(json.dumps({"sessions": [told for told, _ in held]}), flush=True)


if __name__ == "__main__":
    main()
