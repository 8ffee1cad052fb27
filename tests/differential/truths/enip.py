"""Commands without CIP, every service, and of requests classes, instances, attributes and tags."""

from truths.common import cells, difference, numbers

PROTOCOLS = {"enip"}
CARRIERS = (0x6f, 0x70)
IO = 0x8002


def of_truth(row):
    keys = [("service", code) for code in numbers(row, "cip.sc")]
    keys += [("command", code) for code in numbers(row, "enip.command") if code not in CARRIERS]
    if not numbers(row, "enip.command") and numbers(row, "enip.cpf.sai.connid"):
        keys.append(("command", IO))
    return keys


def of_lines(lines):
    keys = []
    for line in lines:
        if "fault" in line:
            continue
        fields = line["fields"]
        if "service" not in fields:
            keys.append(("command", line["code"]))
        elif line["function"] != "get_attribute_list" or line["direction"] == "response":
            keys.append(("service", line["code"]))
    return keys


def lists(lines):
    """The attribute lists of requests: an operation an attribute, a service a list."""
    found = []
    for line in lines:
        if line.get("function") != "get_attribute_list" or line["direction"] == "response":
            continue
        found.append(line["fields"])
    return found


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    truth = of_truth(row)
    asked = lists(lines)
    found = of_lines(lines) + [key for key in truth if key == ("service", 3) and asked]
    wrong = difference(truth, found, lines)
    if wrong is None and any(line["direction"] == "request" for line in lines):
        wrong = paths_differ(row, lines)
    return len(truth), wrong


def paths_differ(row, lines):
    fields = [line["fields"] for line in lines if "service" in line.get("fields", {})]
    for name in ("class", "instance"):
        true = set(numbers(row, "cip." + name))
        found = {each[name] for each in fields if name in each}
        # A connection's own path, and an unconnected send's, are told of one operation each.
        if not found <= true:
            return f"{name} {true} != {found}"
    true = set(numbers(row, "cip.attribute"))
    found = {each["attribute"] for each in fields if "attribute" in each}
    if not found <= true and true:
        return f"attribute {true} != {found}"
    symbols = [symbol.lower() for symbol in cells(row, "cip.symbol")]
    tags = [each["tag"].lower() for each in fields if "tag" in each]
    if sorted(symbols) != sorted(part for tag in tags for part in tag.split(".")) and \
            sorted(symbols) != sorted(tags):
        return f"tag {symbols} != {tags}"
    return None
