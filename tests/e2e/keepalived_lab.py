"""What a user has today: two Linux routers between the same two bridges, with keepalived's VRRP.

The hosts route through two virtual addresses, which keepalived moves. How fast it can be without
flapping on a loaded machine is what pair_loaded.py --keepalived tells.
"""

import signal

from lab import run, wait_until
from pair import PairLab

VIP = {0: "10.20.0.1", 1: "10.10.0.1"}
OWN = {"a": {0: "10.20.0.2", 1: "10.10.0.2"}, "b": {0: "10.20.0.3", 1: "10.10.0.3"}}
PRIORITY = {"a": 110, "b": 100}

CONFIG = """global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_garp_master_repeat 3
    vrrp_garp_master_delay 1
    process_names
    vrrp_rt_priority 50
    vrrp_rlimit_rttime 10000000
}}
vrrp_sync_group both {{
    group {{
        zone0
        zone1
    }}
}}
{instances}
"""
INSTANCE = """vrrp_instance zone{zone} {{
    state BACKUP
    nopreempt
    interface zone{zone}
    virtual_router_id {router}
    priority {priority}
    advert_int {advert}
    virtual_ipaddress {{ {vip}/24 dev zone{zone} }}
}}
"""


class KeepalivedLab(PairLab):
    roles = (*PairLab.roles, "keepalived-a", "keepalived-b")
    advert_seconds = "0.01"

    def make_network(self):
        super().make_network()
        for host, far, vip in (("sup", "10.10.0.0/24", VIP[0]), ("ctl", "10.20.0.0/24", VIP[1])):
            run(*self.in_ns(host, "ip", "route", "replace", far, "via", vip))
        for which in ("a", "b"):
            run(*self.in_ns(which, "sysctl", "-qw", "net.ipv4.ip_forward=1"))
            for zone in (0, 1):
                run(*self.in_ns(which, "ip", "addr", "add", f"{OWN[which][zone]}/24", "dev",
                                f"zone{zone}"))

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make_network()

    def start(self):
        for which in ("a", "b"):
            self.start_router(which)

    def start_router(self, which):
        folder = self.folder_of(which)
        folder.mkdir(exist_ok=True)
        instances = "".join(
            INSTANCE.format(zone=zone, router=50 + zone, priority=PRIORITY[which],
                            advert=self.advert_seconds, vip=VIP[zone]) for zone in (0, 1))
        for name in ("pid", "vrrp.pid"):  # one that was killed may be a zombie still
            (folder / name).unlink(missing_ok=True)
        (folder / "keepalived.conf").write_text(CONFIG.format(name=which, instances=instances))
        self.spawn(which, ["keepalived", "--dont-fork", "--log-console", "--vrrp",
                           "--use-file", folder / "keepalived.conf", "--pid", folder / "pid",
                           "--vrrp_pid", folder / "vrrp.pid"], f"keepalived-{which}")

    def active(self):
        """Who has both virtual addresses on links that work."""
        return [which for which in ("a", "b") if all(
            VIP[zone] in run(*self.in_ns(which, "ip", "-o", "addr", "show", "dev",
                                         f"zone{zone}")).stdout for zone in (0, 1))
            and self.pid(f"keepalived-{which}")]

    def stop_router(self, which, how=signal.SIGTERM):
        """keepalived and its child, which is the one that speaks VRRP. A parent that lives starts
        another when its child is killed."""
        role = f"keepalived-{which}"
        if how == signal.SIGKILL and (pid := self.pid(role)) is not None:
            self.send_signal(role, signal.SIGSTOP)
            run("pkill", "-KILL", "-P", str(pid), check=False)
        self.stop(role, how)

    def power_off(self, which):
        for zone in (0, 1):
            self.pull(which, zone)
        self.stop_router(which, signal.SIGKILL)
        for zone in (0, 1):
            run(*self.in_ns(which, "ip", "addr", "del", f"{VIP[zone]}/24", "dev", f"zone{zone}"),
                check=False)

    def power_on(self, which):
        for zone in (0, 1):
            self.put_back(which, zone)
        self.start_router(which)

    def is_settled(self):
        return len(self.active()) == 1 and all(self.pid(f"keepalived-{w}") for w in ("a", "b"))

    def await_settled(self, seconds=20):
        wait_until(self.is_settled, "one router to be master", seconds)
        return self.active()[0]

    def down(self):
        for which in ("a", "b"):
            self.stop_router(which, signal.SIGKILL)
        super().down()
