"""Drives a real server with changed messages of granted ones, through the pipeline: whatever it
executes must be what was judged."""

import json
import random
import select
import socket
import time

from receivers import mutate


class SessionEnded(Exception):
    pass


class Target:
    """What a campaign must know of a protocol and a stack; see the modules beside this one."""

    protocol = ""
    udp = False
    client = "10.20.0.10@0"
    server = "10.10.0.20@1"
    gate_port = 0
    answer_wait_s = 2.0
    first_answer_wait_s = 0.0  # for the changed message's own answer, before the marker goes

    def __init__(self, address):
        self.address = address

    def shake_hands(self, session):
        """Messages that open a session."""

    def messages(self, session):
        """Granted messages of this moment of the session, as octets."""
        raise NotImplementedError

    def seal(self, octets, session):
        """Makes lengths, checks and numbers right again."""
        raise NotImplementedError

    def mutant(self, session, chance):
        messages = self.messages(session)
        changed = mutate.changes(chance.choice(messages), messages, chance)
        return self.seal(changed, session) if chance.random() < 0.9 else bytes(changed)

    def marker(self, session):
        """A granted message whose answer shows that the server has done all that came before."""
        raise NotImplementedError

    def is_marker_answer(self, octets, session):
        raise NotImplementedError

    def identity(self, octets, session):
        """What of a message is no number that every message has another of."""
        return octets

    def tells_marker(self, line, session):
        """Whether a line of the server is the marker's."""
        raise NotImplementedError

    def client_hears(self, octets, session):
        """What reached the client, the firewall's own refusals too: for numbers that count on."""

    def answer_length(self, octets):
        """Of the next answer at the start of a stream; 0 while more is needed."""
        raise NotImplementedError

    def is_begun(self, told, settled):
        """Whether octets that are no message of their own are the beginning of a long one."""
        return False

    def judged(self, messages, session):
        """What the operations mean, in the words that executed() uses."""
        raise NotImplementedError

    def executed(self, lines, session):
        raise NotImplementedError

    def differs(self, judged, executed):
        """Whatever the server did that was not judged; judged and not done is its own affair."""
        left = list(judged)
        extra = []
        for each in executed:
            if each in left:
                left.remove(each)
            else:
                extra.append(each)
        return extra


class Session:
    """One session through the gate to the real server."""

    def __init__(self, gate, receiver, target):
        self.gate, self.receiver, self.target = gate, receiver, target
        self.closed = False
        self.state = {}
        self.buffer = b""
        self.answers = []
        gate.open()
        kind = socket.SOCK_DGRAM if target.udp else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        if not target.udp:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(5)
        self.socket.connect(target.address)
        target.shake_hands(self)

    def end(self):
        if not self.target.udp:
            # A reset: thousands of sessions leave nothing that waits.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def say(self, octets):
        """Through the pipeline; what left goes to the server."""
        told = self.gate.client_says(octets)
        self._note(told)
        left = bytes.fromhex(told["left"])
        if left:
            try:
                self.socket.sendall(left)
            except OSError as error:
                raise SessionEnded(str(error)) from error
        return told

    def _note(self, told):
        # Where a window stays shut, nothing that follows leaves.
        self.closed = self.closed or told["closed"] or told["unsent"] > 0
        if told["back"]:
            self.target.client_hears(bytes.fromhex(told["back"]), self)

    def hear(self, wait_s):
        """The server's next answer, after the pipeline has seen it; None if none came."""
        deadline = time.monotonic() + wait_s
        while True:
            if self.target.udp:
                length = len(self.buffer)
            else:
                length = self.target.answer_length(self.buffer) if self.buffer else 0
            if length and length <= len(self.buffer):
                answer, self.buffer = self.buffer[:length], self.buffer[length:]
                self._note(self.gate.server_says(answer))
                self.answers.append(answer)
                return answer
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                more = self.socket.recv(65536)
            except OSError as error:
                raise SessionEnded(str(error)) from error
            if not more:
                raise SessionEnded("closed by the server")
            self.buffer += more

    def ask(self, octets):
        """A granted question of the handshake, and its answer."""
        told = self.say(octets)
        if not told["left"]:
            raise RuntimeError(f"refused: {told['verdicts']} {bytes(octets).hex()}")
        answer = self.hear(5)
        if answer is None:
            raise SessionEnded("no answer")
        return answer

    def settle(self, answer_first=False):
        """All that the server did until it answers the marker."""
        self.answers = []
        if answer_first and self.target.first_answer_wait_s:
            self.hear(self.target.first_answer_wait_s)
        told = self.say(self.target.marker(self))
        if not told["left"]:
            return False
        while True:
            answer = self.hear(self.target.answer_wait_s)
            if answer is None:
                return False
            if self.target.is_marker_answer(answer, self):
                return True


class Campaign:
    def __init__(self, gate, receiver, target, seed, report=None):
        self.gate, self.receiver, self.target = gate, receiver, target
        self.chance = random.Random(seed)
        self.session = None
        self.report = report
        self.figures = {"mutants": 0, "passed": 0, "distinct": 0, "executed": 0, "differences": 0,
                        "sessions": 0, "unsettled": 0, "crashes": 0}
        self.seen = set()
        self.differences = []

    def fresh(self):
        if self.session is not None:
            self.session.end()
        for _ in range(50):
            if not self.receiver.alive():
                self.figures["crashes"] += 1
                self.receiver.start()
            try:
                self.session = Session(self.gate, self.receiver, self.target)
                self.figures["sessions"] += 1
                # What an older session still does is not this one's.
                if self.session.settle():
                    self.lines_until_marker(True)
                    return self.session
                self.session.end()
            except (SessionEnded, OSError):
                time.sleep(0.02)
        raise RuntimeError("no session can be opened")

    def run(self, passed, mutants_max, seconds_max=1e9):
        deadline = time.monotonic() + seconds_max
        while (self.figures["passed"] < passed and self.figures["mutants"] < mutants_max
               and time.monotonic() < deadline):
            self.one()
        if self.session is not None:
            self.session.end()
            self.session = None
        return self.figures

    def one(self):
        session = self.session
        if session is None or session.closed:
            session = self.fresh()
        mutant = self.target.mutant(session, self.chance)
        self.figures["mutants"] += 1
        settled = True
        told = {"left": "", "messages": [], "unread": 0}
        try:
            told = session.say(mutant)
            if not told["left"]:
                return
            self.figures["passed"] += 1
            self.seen.add(self.target.identity(bytes.fromhex(told["left"]), session))
            self.figures["distinct"] = len(self.seen)
            settled = session.settle(answer_first=True)
        except SessionEnded:
            settled = False
        self.compare(mutant, told, settled)
        if not settled:
            self.figures["unsettled"] += 1
            session.closed = True

    def lines_until_marker(self, settled):
        """Servers tell of what they did before or after they answer."""
        lines = self.receiver.did(0.0 if settled else 0.05)
        deadline = time.monotonic() + self.target.answer_wait_s
        while settled and time.monotonic() < deadline:
            if any(self.target.tells_marker(line, self.session) for line in lines):
                break
            lines += self.receiver.did(0.02)
        return lines

    def compare(self, mutant, told, settled):
        session = self.session
        lines = self.lines_until_marker(settled)
        judged = self.target.judged(told["messages"], session)
        executed = self.target.executed(lines, session)
        self.figures["executed"] += len(executed)
        extra = self.target.differs(judged, executed)
        if told["unread"] and not self.target.is_begun(told, settled):
            extra.append({"left behind": told["unread"]})
        if any("fault" in message for message in told["messages"]):
            extra.append({"left undecoded": [message["fault"] for message in told["messages"]
                                             if "fault" in message]})
        if not self.receiver.alive():
            extra.append({"crashed": True})
        if not extra:
            return
        self.figures["differences"] += 1
        difference = {"mutant": bytes(mutant).hex(), "left": told["left"], "judged": judged,
                      "executed": executed, "more": extra,
                      "operations": [message.get("operations", message.get("fault"))
                                     for message in told["messages"]]}
        self.differences.append(difference)
        if self.report:
            self.report.write(json.dumps(difference) + "\n")
            self.report.flush()
        session.closed = True
