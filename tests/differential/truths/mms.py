"""Services both ways, SPDUs and TPDUs, and every variable's domain and item."""

from truths.common import cells, collapse, difference, numbers

PROTOCOLS = {"mms"}
UNCONFIRMED, PDU, SPDU, COTP = 0x100, 0x200, 0x300, 0x800
# Columns that stand once a PDU, and the code of their function.
ELEMENTS = {"conclude_RequestPDU": 11, "conclude_ResponsePDU": 11, "confirmed_ErrorPDU": 2,
            "cancel_RequestPDU": 5, "cancel_ResponsePDU": 5, "initiate_RequestPDU": 8,
            "initiate_ResponsePDU": 8}


def of_truth(row):
    keys = [PDU | code for column, code in ELEMENTS.items()
            for _ in cells(row, f"mms.{column}_element") + cells(row, f"mms.{column}")]
    for column in ("confirmedServiceRequest", "confirmedServiceResponse"):
        keys += collapse(numbers(row, f"mms.{column}"))
    keys += collapse([UNCONFIRMED | code for code in numbers(row, "mms.unconfirmedService")])
    keys += [SPDU | code for code in numbers(row, "ses.type") if code not in (1, 13, 14)]
    keys += [COTP | code << 4 for code in numbers(row, "cotp.type") if code != 0x0f]
    keys += [PDU | 4 for _ in cells(row, "mms.rejectReason")]
    return keys


def of_lines(lines):
    codes = [(line["code"], line["direction"]) for line in lines if "fault" not in line]
    return [code for code, _ in collapse(codes) if code != COTP | 0x0f]


def names_of(lines):
    fields = []
    for line in lines:
        each = line.get("fields")
        # The values of a structure are operations of their own, of one variable.
        same = fields and each and "component" in each and \
            all(each.get(key) == fields[-1].get(key) for key in ("domain", "item", "dataset"))
        if each is not None and not same:
            fields.append(each)
    return [(each.get("domain"), each.get("item", each.get("dataset"))) for each in fields
            if "item" in each or "dataset" in each]


def compare(row, lines):
    if row is None:
        good = [line for line in lines if line.get("code") != COTP | 0x0f]
        return 0, "not in the truth" if good else None
    truth = of_truth(row)
    wrong = difference(truth, of_lines(lines), lines)
    asked = cells(row, "mms.confirmedServiceRequest")
    others = cells(row, "mms.confirmedServiceResponse") + cells(row, "mms.unconfirmedService")
    cut = any("..." in (row[f"mms.{name}"] or "") for name in ("domainId", "itemId"))
    domains, items = cells(row, "mms.domainId"), cells(row, "mms.itemId")
    if wrong is None and asked and not others and not cut and len(domains) == len(items):
        true = list(zip(domains, items))
        found = [name for name in names_of(lines) if name[0] is not None and name[1] is not None]
        wrong = difference(true, found, lines)
    return max(len(truth), 1), wrong
