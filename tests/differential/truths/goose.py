"""Every GOOSE message: identifiers, data set, revision and number of entries."""

from truths.common import cells, numbers

PROTOCOLS = {"goose"}
NAMES = {"goose.gocbRef": "gocb_ref", "goose.datSet": "dataset", "goose.goID": "go_id"}
NUMBERS = {"goose.appid": "appid", "goose.confRev": "conf_rev", "goose.numDatSetEntries": "entries",
           "goose.ndsCom": "needs_commissioning", "goose.timeAllowedtoLive": "time_allowed"}


def compare(row, lines):
    if row is None or not row["goose.gocbRef"]:
        return 0, "not in the truth" if lines else None
    if len(lines) != 1 or "fault" in lines[0]:
        return 1, f"one message != {[line.get('fault', line.get('function')) for line in lines]}"
    fields = lines[0]["fields"]
    for column, field in NAMES.items():
        true = row[column]
        if true and "..." not in true and true != fields[field]:
            return 1, f"{field} {true} != {fields[field]}"
    for column, field in NUMBERS.items():
        if cells(row, column) and numbers(row, column)[0] != fields[field]:
            return 1, f"{field} {numbers(row, column)[0]} != {fields[field]}"
    simulated = any(numbers(row, column) == [1] for column in
                    ("goose.simulation", "goose.reserve1.s_bit"))
    return 1, None if simulated == bool(fields["simulation"]) else "simulation"
