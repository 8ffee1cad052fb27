"""What the truths of several protocols need."""


def cells(row, name):
    """The parts of a cell, one a message or a part of it. Where the cell was cut the last is gone."""
    return [part for part in (row.get(name) or "").split(",") if part and "..." not in part]


def numbers(row, name):
    return [int(part, 0) for part in cells(row, name)]


def faults_of(lines):
    return sorted(line["fault"] for line in lines if "fault" in line)


def collapse(items):
    """Runs of the same become one."""
    out = []
    for item in items:
        if not out or out[-1] != item:
            out.append(item)
    return out


def difference(truth, found, lines):
    """What differs between two lists whose order does not matter, or nothing."""
    if sorted(map(str, truth)) == sorted(map(str, found)):
        return None
    faults = faults_of(lines)
    return f"{truth} != {found}" + (f" faults {faults}" if faults else "")
