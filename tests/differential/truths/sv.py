"""Every ASDU of sampled values: stream, revision and synchronisation."""

from truths.common import cells, numbers

PROTOCOLS = {"sv"}


def compare(row, lines):
    if row is None or not row["sv.svID"]:
        return 0, "not in the truth" if lines else None
    count = numbers(row, "sv.noASDU")[0]
    faults = [line["fault"] for line in lines if "fault" in line]
    if faults or len(lines) != count:
        return count, f"{count} ASDUs != {len(lines)} faults {faults}"
    for line, name in zip(lines, cells(row, "sv.svID")):
        if line["fields"]["sv_id"] != name:
            return count, f"sv_id {name} != {line['fields']['sv_id']}"
    for column, field in (("sv.confRev", "conf_rev"), ("sv.smpSynch", "smp_synch")):
        for line, number in zip(lines, numbers(row, column)):
            if line["fields"][field] != number:
                return count, f"{field} {number} != {line['fields'][field]}"
    if lines[0]["fields"]["appid"] != numbers(row, "sv.appid")[0]:
        return count, "appid"
    return count, None
