"""TPDUs, functions, user data's groups and sub-functions, and every item's area, block and address."""

from truths.common import cells, difference, numbers

PROTOCOLS = {"s7comm"}
USER_DATA, COTP, ACK = 0x700, 0x800, 0x600


def of_truth(row):
    keys = [("function", code) for code in numbers(row, "s7comm.param.func")]
    keys += [("user_data", group, sub) for group, sub in
             zip(numbers(row, "s7comm.param.userdata.funcgroup"),
                 numbers(row, "s7comm.param.userdata.subfunc"))]
    tpdus = numbers(row, "cotp.type")
    # tshark does not give user data units without a function a number of their own.
    keys += [("tpdu", code) for code in tpdus if code not in (0x0f,)]
    return keys


def of_lines(lines):
    keys, left = [], 0
    for line in lines:
        if "fault" in line:
            continue
        code = line["code"]
        if left > 0:
            left -= 1
            continue
        if code >= COTP:
            if code != COTP | 0x0f:
                keys.append(("tpdu", (code & 0xff) >> 4))
        elif code >= USER_DATA:
            keys.append(("user_data", code & 0xff, line["sub_code"]))
            left = line["fields"].get("item_count", 1) - 1
        elif code != ACK:
            keys.append(("function", code))
            if line["direction"] == "request" and code in (4, 5):
                left = line["fields"]["item_count"] - 1
    return keys


def compare(row, lines):
    if row is None:
        good = [line for line in lines if line.get("code") != COTP | 0x0f]
        return 0, "not in the truth" if good else None
    truth = of_truth(row)
    wrong = difference(truth, of_lines(lines), lines)
    if wrong is None:
        wrong = items_differ(row, lines)
    return len(truth), wrong


def items_differ(row, lines):
    items = [line["fields"] for line in lines if "fields" in line and "area" in line["fields"]]
    for name, field in (("area", "area"), ("transp_size", "transport_size"), ("length", "length")):
        true = numbers(row, "s7comm.param.item." + name)
        found = [item[field] for item in items]
        cut = "..." in (row["s7comm.param.item." + name] or "")
        if true != (found[:len(true)] if cut else found):
            return f"{field} {true} != {found}"
    blocks = [number for number, area in zip(numbers(row, "s7comm.param.item.db"),
                                             numbers(row, "s7comm.param.item.area"))
              if area in (0x84, 0x85)]
    found = [item["db"] for item in items if "db" in item]
    if blocks != found[:len(blocks)]:
        return f"db {blocks} != {found}"
    true = [address if area in (0x1c, 0x1d) else address >> 3 for address, area in
            zip(numbers(row, "s7comm.param.item.address"), numbers(row, "s7comm.param.item.area"))]
    found = [item["address"][0] for item in items]
    if true != found[:len(true)]:
        return f"address {true} != {found}"
    services = cells(row, "s7comm.param.pistart.servicename")
    found = [line["fields"]["pi_service"] for line in lines
             if "pi_service" in line.get("fields", {})]
    return None if services == found[:len(services)] else f"service {services} != {found}"
