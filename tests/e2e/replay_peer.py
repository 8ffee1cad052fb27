"""One end of a conversation from a capture, over a real socket: says its part when it has heard the
other's, and nothing else, up to there.

usage: replay_peer.py client|server ADDRESS PORT CONVERSATION
CONVERSATION is a file of JSON: a list of [from_client, hexadecimal]. Prints a line of JSON.
"""

import json
import socket
import sys

TIMEOUT_S = 10


def hear(peer, expected):
    heard = b""
    while len(heard) < len(expected):
        part = peer.recv(len(expected) - len(heard))
        if not part:
            raise ValueError(f"the other end closed after {len(heard)} of {len(expected)} bytes")
        heard += part
    if heard != expected:
        raise ValueError("what came is not what was said")
    return len(heard)


def converse(peer, is_client, turns):
    peer.settimeout(TIMEOUT_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    heard = 0
    for from_client, text in turns:
        if from_client == is_client:
            peer.sendall(bytes.fromhex(text))
        else:
            heard += hear(peer, bytes.fromhex(text))
    return heard


def main():
    role, address, port, file = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    with open(file, encoding="ascii") as text:
        turns = json.load(text)
    outcome = {"heard": 0, "error": ""}
    try:
        if role == "server":
            with socket.create_server((address, port)) as listener:
                print(json.dumps({"listening": True}), flush=True)
                listener.settimeout(60)
                peer, _ = listener.accept()
                outcome["heard"] = converse(peer, False, turns)
        else:
            with socket.create_connection((address, port), TIMEOUT_S) as peer:
                outcome["heard"] = converse(peer, True, turns)
    except (OSError, ValueError) as error:
        outcome["error"] = str(error) or type(error).__name__
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
