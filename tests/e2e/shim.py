"""A cable that loses and reorders frames, for kernels without netem.

usage: shim.py ONE OTHER LOSS_PERCENT REORDER_PERCENT SEED
Runs in the namespace of both devices until it is ended.
"""

import heapq
import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
HELD_BACK_S = 0.004


def main():
    one, other, loss, reorder, seed = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
    chance = random.Random(seed)
    ends = []
    for device in (one, other):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((device, ETH_P_ALL))
        ends.append(end)
    late = []  # (when, order, end, frame)
    order = 0
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else 1
        for end in select.select(ends, [], [], wait)[0]:
            frame, address = end.recvfrom(65535)
            if address[2] == PACKET_OUTGOING:
                continue
            towards = ends[1 - ends.index(end)]
            if chance.random() * 100 < loss:
                continue
            if chance.random() * 100 < reorder:
                order += 1
                heapq.heappush(late, (time.monotonic() + HELD_BACK_S, order, towards, frame))
            else:
                towards.send(frame)
        while late and late[0][0] <= time.monotonic():
            _, _, towards, frame = heapq.heappop(late)
            towards.send(frame)


if __name__ == "__main__":
    main()
