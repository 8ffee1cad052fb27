"""Frames without ASDUs, types, causes, addresses, object addresses, commands and qualifiers."""

from truths.common import cells, difference, numbers

PROTOCOLS = {"iec104"}
SUPERVISORY = 0x101


def of_truth(row):
    keys = [("type", code) for code in numbers(row, "iec60870_asdu.typeid")]
    kinds = numbers(row, "iec60870_104.type")
    keys += [("frame", 0x103 | code << 2) for code in numbers(row, "iec60870_104.utype")]
    keys += [("frame", SUPERVISORY)] * kinds.count(1)
    return keys


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    truth = of_truth(row)
    counts = numbers(row, "iec60870_asdu.numix")
    good = [line for line in lines if "fault" not in line]
    found, at, objects = [], 0, []
    while at < len(good):
        line = good[at]
        if line["code"] >= 0x100:
            found.append(("frame", line["code"]))
            at += 1
            continue
        asdus = sum(1 for key in found if key[0] == "type")
        width = counts[asdus] if asdus < len(counts) else 1
        found.append(("type", line["code"]))
        objects.append(good[at:at + max(width, 1)])
        at += max(width, 1)
    wrong = difference(truth, found, lines)
    if wrong is None:
        wrong = fields_differ(row, objects)
    return len(truth), wrong


def fields_differ(row, objects):
    heads = [asdu[0]["fields"] for asdu in objects]
    for name, field in (("causetx", "cause"), ("nega", "negative"), ("test", "test"),
                        ("oa", "originator"), ("addr", "common_address")):
        true = numbers(row, "iec60870_asdu." + name)
        found = [head[field] for head in heads]
        if true != found:
            return f"{field} {true} != {found}"
    fields = [line["fields"] for asdu in objects for line in asdu]
    true = numbers(row, "iec60870_asdu.ioa")
    found = [each["object_address"] for each in fields if "object_address" in each]
    if "..." not in row["iec60870_asdu.ioa"] and true != found:
        return f"object_address {true} != {found}"
    commands = [line["fields"] for asdu in objects for line in asdu if line["code"] in
                (45, 46, 47, 58, 59, 60)]
    for on, select in (("sco.on", "sco.se"), ("dco.on", "dco.se"), ("rco.up", "rco.se")):
        values = numbers(row, "iec60870_asdu." + on)
        if values and values != [each["value"] for each in commands]:
            return f"value {values} != {commands}"
        selects = numbers(row, "iec60870_asdu." + select)
        if selects and selects != [each["select"] for each in commands]:
            return f"select {selects} != {commands}"
    qualifiers = cells(row, "iec60870_asdu.qoi") + cells(row, "iec60870_asdu.qrp")
    found = [line["fields"]["qualifier"] for asdu in objects for line in asdu
             if line["code"] in (100, 105)]
    if [int(each, 0) for each in qualifiers] != found:
        return f"qualifier {qualifiers} != {found}"
    return None
