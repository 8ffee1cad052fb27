"""A policy that grants all that the catalogue has, both ways, to the hosts of a converted recording."""

import json
import subprocess
from itertools import combinations

ETHERNET_TYPES = {"goose": 0x88b8, "sv": 0x88ba, "bacnet": 0}  # 0: IEEE 802.2
PORTS = {"tcp": {"modbus": {502}, "dnp3": {20000}, "iec104": {2404}, "s7comm": {102}, "mms": {102},
                 "s7comm_plus": {102}, "enip": {44818}, "opcua": {4840}},
         "udp": {"modbus": {502}, "dnp3": {20000}, "enip": {44818}, "bacnet": {47808}}}
OPENED = {"enip": ("udp", 2222)}  # what a granted session opens


def catalogue(bulkheadctl):
    """protocol -> (its functions, fields that hold names)"""
    def lines(*words):
        done = subprocess.run([bulkheadctl, "protocols", *words], capture_output=True, text=True,
                              check=True)
        return done.stdout.splitlines()
    protocols = {}
    for line in lines("--format", "json"):
        name = json.loads(line)["protocol"]
        functions = [json.loads(each) for each in lines(name, "--format", "json")]
        fields = [each for each in lines(name) if " a name" in each]
        protocols[name] = (functions, {each.split()[0] for each in fields})
    return protocols


def rules_of(protocol, functions, names, where_to):
    """Fields that a rule must name stand in a message or not: a rule for each set of them."""
    by_fields = {}
    for function in functions:
        by_fields.setdefault(tuple(function["must_be_named"]), []).append(function["function"])
    for fields, group in by_fields.items():
        for count in range(len(fields) + 1):
            for some in combinations(fields, count):
                where = ", ".join(field + (': "*"' if field in names else ": any")
                                  for field in some)
                yield (f"      - {{protocol: {protocol}, {where_to}, "
                       f"functions: [{', '.join(group)}]" + (f", where: {{{where}}}" if where else "")
                       + "}\n")


def policy(protocols, ports, conversion):
    zones, assets, conduits = [], [], []
    for tags, vlan in conversion.vlans.items():
        tag = f", vlan: [{', '.join(map(str, tags))}]" if tags else ""
        for side in (0, 1):
            zone = f"v{vlan}s{side}"
            zones.append(f"  {zone}: {{target: SL1, port: {side}{tag}, networks: "
                         f"[10.{1 + side}.{vlan * 8}.0/21, \"fd00:{1 + side}:{vlan:x}::/48\"]}}\n")
            everyone = f"10.{1 + side}.{vlan * 8 + 7}.255"
            groups = {everyone} | {each for each in conversion.ip_groups if each[:3] != "10."}
            assets.append(f"  groups_{zone}: {{zone: {zone}, group: [{', '.join(sorted(groups))}]}}\n")
            conduits.append(_conduit(protocols, ports, conversion, tags, zone, vlan, side, assets))
    return ("bulkhead: v1\nsite: recording\nwritten_for: 0.2\nzones:\n" + "".join(zones) +
            "assets:\n" + "".join(assets) + "conduits:\n" + "".join(conduits))


def _conduit(protocols, ports, conversion, tags, zone, vlan, side, assets):
    other = f"v{vlan}s{1 - side}"
    stations = [mac for mac, at in conversion.stations.items() if at == (side, tags)]
    theirs = [mac for mac, at in conversion.stations.items() if at == (1 - side, tags)]
    groups = [mac for mac, on, its in conversion.groups if (its, on) == (tags, 1 - side)]
    assets += [f"  {asset(mac, zone)}: {{zone: {zone}, mac: \"{mac.hex(':')}\"}}\n"
               for mac in stations]
    assets += [f"  {asset(mac, other)}: {{zone: {other}, mac: \"{mac.hex(':')}\"}}\n"
               for mac in groups]
    rules = []
    for protocol, (functions, names) in protocols.items():
        for transport, known in ports.items():
            for port in sorted(known.get(protocol, ())):
                opened = OPENED.get(protocol)
                if not {(transport, port), opened} & conversion.ports_seen:
                    continue
                where_to = (f"client: any, server: [any, groups_{other}], transport: {transport}, "
                            f"port: {port}" if transport == "udp" else
                            f"client: any, server: any, port: {port}")
                rules += rules_of(protocol, functions, names, where_to)
        seen = ("ethernet", ETHERNET_TYPES.get(protocol)) in conversion.ports_seen
        if seen and stations and theirs + groups:
            of = ", ".join(asset(mac, zone) for mac in stations)
            to = ", ".join(asset(mac, other) for mac in theirs + groups)
            how = ", transport: ethernet" if protocol == "bacnet" else ""
            rules += rules_of(protocol, functions, names, f"client: [{of}], server: [{to}]{how}")
    if not rules:
        return ""
    return (f"  from_{zone}:\n    from: {zone}\n    to: {other}\n    midstream: resume\n    on_deny: reject\n"
            f"    allow:\n{''.join(rules)}")


def asset(mac, zone):
    return f"m{mac.hex()}_{zone}"
