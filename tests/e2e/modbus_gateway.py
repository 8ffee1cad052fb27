"""A Modbus gateway to a serial line whose answers sometimes come late, under another unit, or twice:
usage: modbus_gateway.py ADDRESS PORT
By the register that is read: 13 is answered under the next unit first, 14 twice, 15 with an answer that
nobody asked for in front; everything else once.
"""

import socketserver
import sys


def answer(request, unit=0, transaction=0):
    count = request[11]
    head = int.from_bytes(request[:2], "big") + transaction
    return (head.to_bytes(2, "big") + b"\0\0" + (3 + 2 * count).to_bytes(2, "big") +
            bytes([request[6] + unit, 3, 2 * count]) + request[9:10] * (2 * count))


class Gateway(socketserver.BaseRequestHandler):
    def handle(self):
        while len(request := self.request.recv(12)) == 12:
            register = int.from_bytes(request[8:10], "big")
            stray = {13: answer(request, unit=1), 14: answer(request),
                     15: answer(request, transaction=99)}.get(register)
            if stray:
                self.request.sendall(stray)
            self.request.sendall(answer(request))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server((sys.argv[1], int(sys.argv[2])), Gateway) as server:
        print("listening", flush=True)
        server.serve_forever()
