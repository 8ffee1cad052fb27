"""Functions of the application and the link layer, addresses, objects, points and indications."""

from truths.common import cells, collapse, difference, numbers

PROTOCOLS = {"dnp3"}
USER_DATA = (3, 4)


def of_truth(row):
    keys = [("function", code) for code in numbers(row, "dnp3.al.func")]
    keys += [("link", code | 0x140) for code in numbers(row, "dnp3.ctl.prifunc")
             if code not in USER_DATA]
    keys += [("link", code | 0x100) for code in numbers(row, "dnp3.ctl.secfunc")]
    keys += [("object", code) for code in collapse(numbers(row, "dnp3.al.obj"))]
    keys += [("iin", value) for value in numbers(row, "dnp3.al.iin")]
    return keys


def of_lines(lines):
    """An operation is an object; those of one message stand behind one another."""
    keys, objects, message = [], [], None
    for line in lines:
        if "fault" in line:
            continue
        fields = line["fields"]
        if line["code"] >= 0x100:
            keys.append(("link", line["code"]))
            continue
        same = message is not None and message[0] == line["code"] and \
            "group" in fields and "group" in message[1] and \
            message[1].get("iin") == fields.get("iin")
        if not same:
            keys.append(("function", line["code"]))
            if "iin" in fields:
                keys.append(("iin", fields["iin"]))
        message = (line["code"], fields)
        if "group" in fields:
            objects.append(fields["group"] << 8 | fields["variation"])
    return keys + [("object", code) for code in collapse(objects)]


def points(lines):
    """All points; the truth counts objects without an index from 0."""
    found = set()
    for line in lines:
        if "index" not in line.get("fields", {}):
            found.update(range(256))
        low, high = line.get("fields", {}).get("index", [0, -1])
        found.update(range(low, min(high, low + 70000) + 1))
    return found


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    truth, found = of_truth(row), of_lines(lines)
    count = sum(1 for key in truth if key[0] in ("function", "link"))
    wrong = difference(truth, found, lines)
    if wrong is None and truth:
        ends = {(line["fields"]["source"], line["fields"]["destination"]) for line in lines
                if "fields" in line}
        true_ends = set(zip(numbers(row, "dnp3.src"), numbers(row, "dnp3.dst")))
        if not ends <= true_ends:
            wrong = f"addresses {true_ends} != {ends}"
        if not set(numbers(row, "dnp3.al.point_index")) <= points(lines):
            wrong = f"points {cells(row, 'dnp3.al.point_index')} not in {sorted(points(lines))}"
    return count, wrong
