"""Kinds of messages, every service by its encoding, and the nodes that requests name."""

from truths.common import cells, difference, numbers

PROTOCOLS = {"opcua"}
KINDS = {"HEL": 1, "ACK": 2, "ERR": 3, "RHE": 4}
SECURED, OPEN, CLOSE = 5, (446, 449), 452
WITH_NODES = ("read", "write", "call", "browse", "history_read", "create_monitored_items")


def of_truth(row):
    keys = [("kind", KINDS[kind]) for kind in cells(row, "opcua.transport.type") if kind in KINDS]
    keys += [("service", code) for code in numbers(row, "opcua.servicenodeid.numeric")]
    # Messages whose service the truth cannot read, and closes, whose body is not looked at.
    secure = [kind for kind in cells(row, "opcua.transport.type") if kind not in KINDS]
    hidden = len(secure) - len(numbers(row, "opcua.servicenodeid.numeric"))
    return keys, max(hidden, 0)


def messages_of(lines):
    """An operation is a node; those of one message stand behind one another."""
    codes, latest = [], None
    for line in lines:
        if "fault" in line:
            continue
        same = latest is not None and latest == line["code"] and line["function"] in WITH_NODES
        if not same:
            codes.append(line["code"])
        latest = line["code"]
    return codes


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    truth, hidden = of_truth(row)
    found, secured = [], 0
    for code in messages_of(lines):
        if code in KINDS.values():
            found.append(("kind", code))
        elif code == SECURED or (hidden > secured and code in (*OPEN, CLOSE)):
            secured += 1
        else:
            found.append(("service", code))
    wrong = difference(truth, found, lines)
    if wrong is None and secured != hidden:
        wrong = f"{hidden} messages that cannot be read != {secured}"
    if wrong is None:
        wrong = nodes_differ(row, lines)
    return len(truth) + hidden, wrong


def nodes_differ(row, lines):
    fields = [line["fields"] for line in lines if "namespace" in line.get("fields", {})]
    true = set(numbers(row, "opcua.nodeid.numeric"))
    found = {each["node"] for each in fields if "node" in each}
    if not found <= true and "..." not in (row["opcua.nodeid.numeric"] or ""):
        return f"nodes {true} != {found}"
    names = "," + (row["opcua.nodeid.string"] or "") + ","
    missing = [each["node_name"] for each in fields if "node_name" in each
               and "," + each["node_name"] + "," not in names]
    if missing and "..." not in names and not any(not name.isprintable() for name in missing):
        return f"names {names} lack {missing}"
    return None
