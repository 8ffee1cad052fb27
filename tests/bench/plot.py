"""Draws bulkhead-bench's rows, JSON lines on standard input.

usage: plot.py FILE.svg|FILE.png
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

BAR, GOAL = "#4878a8", "#c44e52"


def draw_rates(axes, rows):
    names = [row["work"] for row in rows]
    places = range(len(rows))
    axes.barh(places, [row["mpps"] for row in rows], color=BAR,
              xerr=[row["mpps"] * row["spread"] / 2 for row in rows], ecolor="#333333")
    for place, row in zip(places, rows):
        if "goal" in row:
            wanted = row["goal"] * row["testpmd_mpps"]
            axes.plot([wanted, wanted], [place - 0.4, place + 0.4], color=GOAL, linewidth=2,
                      label="goal: share of testpmd" if place == 0 else None)
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.set_xlabel("million packets a second, all workers; line: spread of the rounds")
    axes.set_title("Rates")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")


def draw_stages(axes, rows):
    names = [row["work"] for row in rows]
    left = [0.0] * len(rows)
    colours = plt.get_cmap("tab10")
    for number, stage in enumerate(rows[0]["stages"]):
        cycles = [row["stages"][stage] for row in rows]
        axes.barh(names, cycles, left=left, label=stage, color=colours(number))
        left = [total + more for total, more in zip(left, cycles)]
    axes.invert_yaxis()
    axes.set_xlabel("cycles a packet")
    axes.set_title("Where they go")
    axes.legend(fontsize="small")


def draw_times(axes, rows):
    for row in rows:
        for key, style in (("inside", "-"), ("after_swap", "--"), ("machine", ":")):
            if key not in row:
                continue
            total = sum(count for _, count in row[key]["histogram_us"])
            above, times, shares = total, [], []
            for upper, count in row[key]["histogram_us"]:
                above -= count
                if above > 0:
                    times.append(max(upper, 0.001))
                    shares.append(above / total)
            axes.loglog(times, shares, style, label=f"{row['work']}, {key}")
    axes.set_xlabel("microseconds")
    axes.set_ylabel("share of packets that took longer")
    axes.set_title("Time inside")
    axes.grid(True, which="major", alpha=0.4)
    axes.legend(fontsize="small")


def main():
    rows = [json.loads(line) for line in sys.stdin if line.strip()]
    rows = [row for row in rows if "error" not in row]
    staged = [row for row in rows if "stages" in row]
    timed = [row for row in rows if "inside" in row]
    panels = [(draw_rates, rows), (draw_stages, staged), (draw_times, timed)]
    panels = [(draw, some) for draw, some in panels if some]
    figure, axes = plt.subplots(len(panels), 1, figsize=(9, 4.2 * len(panels)), squeeze=False,
                                layout="constrained")
    for (draw, some), axis in zip(panels, axes[:, 0]):
        draw(axis, some)
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
