"""Function code, unit and, for requests and echoes, address and quantity."""

from truths.common import faults_of, numbers

PROTOCOLS = {"modbus"}
ADDRESS_AND_QUANTITY = {1, 2, 3, 4, 15, 16}  # requests whose reference and count the truth shows
ADDRESS_ONLY = {5, 6, 22}


def messages_of(lines):
    """One entry a message: the second operation of a function 23, or of a file request, is not one."""
    whole = []
    for line in lines:
        if "fault" in line:
            continue
        key = (line["code"], line["fields"].get("unit"))
        embedded = line["code"] in (20, 21, 23) and whole and whole[-1][0] == key
        if embedded:
            continue
        whole.append((key, line))
    return [line for _, line in whole]


def compare(row, lines):
    found = messages_of(lines)
    if row is None or not numbers(row, "modbus.func_code"):
        return 0, "not in the truth" if found else None
    true_codes = sorted(numbers(row, "modbus.func_code"))
    count = len(true_codes)
    faults = faults_of(lines)
    codes = sorted(line["code"] for line in found)
    units = sorted(line["fields"]["unit"] for line in found)
    if codes != true_codes or units != sorted(numbers(row, "mbtcp.unit_id")):
        return count, f"codes {true_codes} != {codes}" + (f" faults {faults}" if faults else "")
    if len(found) != 1:
        return count, None
    fields, code = found[0]["fields"], found[0]["code"]
    references = numbers(row, "modbus.reference_num")
    counts = numbers(row, "modbus.word_cnt") + numbers(row, "modbus.bit_cnt")
    spans = code in ADDRESS_AND_QUANTITY and "quantity" in fields
    if spans or (code in ADDRESS_ONLY and "address" in fields):
        if references[:1] != [fields["address"][0]]:
            return count, f"address {references} != {fields['address']}"
    if spans and counts[:1] != [fields["quantity"]]:
        return count, f"quantity {counts} != {fields['quantity']}"
    return count, None
