"""Headers and stations; where the message is whole in the truth, its pairs of address and value too."""

from truths.common import collapse, difference, numbers

PROTOCOLS = {"genisys"}
INDICATION_DATA, ESCAPE, MODE_ADDRESS = 0xF2, 0xF0, 0xE0


def pairs_of_truth(row):
    """Of a frame with one message, none of whose bytes had to be escaped."""
    payload = row["tcp.payload"]
    if "..." in payload or "," in payload or f"{ESCAPE:02x}" in payload:
        return None
    data = bytes.fromhex(payload)
    return list(zip(data[2:-3:2], data[3:-3:2])) if data[0] == INDICATION_DATA else None


def compare(row, lines):
    good = [line for line in lines if "fault" not in line]
    found = collapse([(line["code"], line["fields"].get("station", 0)) for line in good])
    if row is None:
        return 0, "not in the truth" if lines else None
    truth = list(zip(numbers(row, "x_header"), numbers(row, "x_station")))
    wrong = difference(truth, found, lines)
    pairs = pairs_of_truth(row)
    if wrong is None and pairs is not None:
        fields = [line["fields"] for line in good]
        told = [(each.get("address", MODE_ADDRESS), each.get("value", each.get("mode")))
                for each in fields]
        wrong = difference(pairs, told, lines)
    return len(truth), wrong
