"""The quickstart's main job, in a lab that is up: what the HMI tries, and what comes of it."""

import sys

from lab import HMI, PLC, ROGUE, ROOT, Lab

POLICY = ROOT / "policies/water-works/policy.yaml"

# What, where it comes from, the port, and the words for lab-hmi. The register that it is about, if
# any, is looked at in the PLC before and after.
ATTEMPTS = [
    ("read registers 0-9", "sup", 502, ["read", 0, 10], None),
    ("write 700 to register 42 (limits 0-1000)", "sup", 502, ["write", 42, 700], 42),
    ("write 5000 to register 42 (limits 0-1000)", "sup", 502, ["write", 42, 5000], 42),
    ("write 1 to register 60 (limits 40-49)", "sup", 502, ["write", 60, 1], 60),
    ("force listen only mode (function 8/4)", "sup", 502, ["raw", 1, 8, 0, 4, 0, 0], None),
    (f"read registers 0-9 from {ROGUE}, an unknown host", "rogue", 502, ["read", 0, 10], None),
    ("connect to port 8502, which no rule names", "sup", 8502, ["read", 0, 10], None),
]


def deciding_row(before, after):
    """The counter that an attempt moved: a refusal if there is one, else the grant."""
    def key(row):
        return tuple(str(row.get(k)) for k in
                     ("conduit", "rule", "protocol", "function", "verdict", "reason", "fault"))
    old = {key(row): row["messages"] for row in before}
    moved = [row for row in after if row["messages"] > old.get(key(row), 0)]
    interesting = [row for row in moved if row["verdict"] == "deny" and
                   row["reason"] not in ("flow_refused", "no_policy")]
    return (interesting or [row for row in moved if row["reason"] == "granted"] or [None])[0]


def attempt(lab, what, host, port, words, register):
    before = lab.ctl_json("counters")
    seen = len(lab.plc_requests())
    value = lab.at_plc(register)[0] if register is not None else None
    own = 1 if register is not None else 0  # our own look at the PLC is in its log too
    result = lab.hmi(*words, host=host, port=port)
    reached = len(lab.plc_requests()) - seen - own > 0
    plc = "served it" if reached else "never saw it"
    if register is not None:
        plc += f"; register {register}: {value} -> {lab.at_plc(register)[0]}"
    row = deciding_row(before, lab.ctl_json("counters"))
    return {"what": what, "client": result["result"], "plc": plc, "reached": reached,
            "verdict": row["verdict"] if row else "-", "reason": row["reason"] if row else "-",
            "conduit": row["conduit"] if row else "", "rule": row["rule"] if row else 0}


def decided_by(outcome):
    if outcome["conduit"] and outcome["rule"]:
        return f"{outcome['conduit']} rule {outcome['rule']}"
    return outcome["conduit"] or "default"


def table(rows, headings):
    widths = [max(len(str(r[i])) for r in [headings, *rows]) for i in range(len(headings))]
    colour = sys.stdout.isatty()
    for n, row in enumerate([headings, *rows]):
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
        if colour:
            code = "1" if n == 0 else "32" if "allow" in row else "31"
            line = f"\033[{code}m{line}\033[0m"
        print(line)


def bring_up(lab, step=lambda text: None):
    step("two zones, a firewall between them, and their cables")
    lab.prepare()
    step("the PLC, a libmodbus server")
    lab.start_plc()
    step("bulkhead-dataplane on DPDK net_af_packet ports")
    lab.start_dataplane()
    step("bulkheadd, the agent")
    lab.start_agent()


def show(lab):
    outcomes = [attempt(lab, *row) for row in ATTEMPTS]
    print(f"\nWhat the HMI ({HMI}) tried on the PLC ({PLC}), and what came of it\n")
    table([(o["what"], o["client"], o["plc"], o["verdict"], decided_by(o), o["reason"])
           for o in outcomes],
          ("ATTEMPT", "AT THE CLIENT", "AT THE PLC", "VERDICT", "DECIDED BY", "REASON"))
    print("\nbulkheadctl counters\n")
    print(lab.ctl("counters").stdout)
    return outcomes


def hints(lab):
    ctl = f"ip netns exec {lab.ns('fw')} {lab.bin}/bulkheadctl --pki {lab.pki}"
    hmi = f"ip netns exec {lab.ns('sup')} {lab.bin}/lab-hmi {PLC} 502"
    return f"""The lab goes on. Try:
  {ctl} status
  {ctl} events --follow
  {ctl} flows
  {ctl} policy explain {POLICY}
  {hmi} read 0 10
  {hmi} write 42 900
  {hmi} write 42 9000
End it with deploy/quickstart --down"""


def main(arguments):
    lab = Lab()
    if "--down" in arguments:
        lab.down()
        return
    lab.down()  # what an interrupted run left
    try:
        bring_up(lab, lambda text: print(f"    {text}", flush=True))
        print("    the policy: checked, pushed over gRPC with mutual TLS, committed", flush=True)
        lab.ctl("push", POLICY, "--commit")
        show(lab)
        if "--keep" in arguments:
            print(hints(lab))
    finally:
        if "--keep" not in arguments or sys.exc_info()[0] is not None:
            lab.down()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception as error:  # one clear line; the trace is of no use to an operator
        sys.exit(f"quickstart: {error}")
