"""BVLL functions, messages of the network layer, services, and what requests read or write.

Frames that a sniffer wrote of a serial bus (MS/TP) are not compared: they never were on Ethernet. Their
addresses are those of the bus, behind five zero bytes.
"""

from truths.common import difference, numbers

PROTOCOLS = {"bacnet"}
ANSWERS_WITHOUT_SERVICE = (4, 6, 7)
ON_OBJECTS = ("read_property", "write_property", "subscribe_cov", "read_range", "create_object",
              "add_list_element", "remove_list_element")  # and those whose names begin so


def of_truth(row):
    keys = [("confirmed", code) for code in numbers(row, "bacapp.confirmed_service")]
    keys += [("unconfirmed", code) for code in numbers(row, "bacapp.unconfirmed_service")]
    keys += [("pdu", code) for code in numbers(row, "bacapp.type")
             if code in ANSWERS_WITHOUT_SERVICE]
    keys += [("network", code) for code in numbers(row, "bacnet.mesgtyp")]
    if not keys:
        keys += [("bvlc", code) for code in numbers(row, "bvlc.function")]
    return keys


def of_lines(lines):
    keys, latest = [], None
    names = {1: "unconfirmed", 2: "bvlc", 3: "network", 4: "pdu"}
    for line in lines:
        if "fault" in line:
            continue
        key = (names.get(line.get("sub_code"), "confirmed"), line["code"])
        if key != latest:  # a frame is a message: what it asks for besides is of the same kind
            keys.append(key)
        latest = key
    return keys


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    if row["src"].startswith("00:00:00:00:00:"):
        return 0, "of a serial bus, but decoded" if lines else None
    truth = of_truth(row)
    wrong = difference(truth, of_lines(lines), lines)
    asked = [line for line in lines if line.get("function", "").startswith(ON_OBJECTS)
             and line["direction"] == "request" and "object_type" in line["fields"]]
    if wrong is None and asked:
        wrong = objects_differ(row, [line["fields"] for line in asked])
    return len(truth), wrong


def objects_differ(row, fields):
    for column, field in (("bacapp.objectType", "object_type"),
                          ("bacapp.instance_number", "instance"),
                          ("bacapp.property_identifier", "property")):
        true = set(numbers(row, column))
        found = {each[field] for each in fields if field in each}
        if not found <= true:
            return f"{field} {true} != {found}"
    return None
