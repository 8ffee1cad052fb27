"""Functions, notifications and system events, by how often they stand in a frame.

A message in several parts: the truth shows its function at the first, and parts that follow by no name; here they
are continuations. Both see the parts in the same frames.
"""

from truths.common import cells, difference

PROTOCOLS = {"s7comm_plus"}
OPTIONS = []
COTP, SYSTEM_EVENT, NOTIFICATION, CONTINUATION = 0x800, 0xFE, 0x33, 0


def key_of_truth(opcode, function):
    if opcode == "cont":
        return "continuation"
    opcode = int(opcode.split("(")[0], 0)
    if opcode in (SYSTEM_EVENT, NOTIFICATION):
        return opcode
    return int(function, 0)


def of_lines(lines):
    """A request that lists addresses is a line for each of them."""
    found, left = [], 0
    for line in lines:
        if "fault" in line or line["code"] >= COTP:
            continue
        if left > 0:
            left -= 1
            continue
        found.append("continuation" if line["code"] == CONTINUATION else line["code"])
        left = line["fields"].get("item_count", 1) - 1
    return found


def compare(row, lines):
    found = of_lines(lines)
    if row is None:
        return 0, "not in the truth" if found else None
    truth = [key_of_truth(opcode, function) for opcode, function in
             zip(cells(row, "x_opcode"), cells(row, "x_function"))]
    return len(truth), difference(truth, found, lines)
