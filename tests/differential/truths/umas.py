"""UMAS codes and function 90, by request and answer."""

from truths.common import difference, numbers

PROTOCOLS = {"modbus"}


def compare(row, lines):
    if row is None:
        return 0, "not in the truth" if lines else None
    truth = numbers(row, "x_umas_function")
    codes = [line.get("sub_code") for line in lines if line.get("code") == 90]
    return len(truth), difference(truth, codes, lines)
