# SPDX-License-Identifier: Apache-2.0
"""What was measured as a table, and as docs/benchmarks.md with its plot."""
import events


def table(result):
    """Plain text, the one table of a run."""
    floor = result["floor"]
    head = ["", "CPU us", "x floor", "calls/s", "p50 ms", "p99", "p99.9", "idle MB", "load MB",
            "10k MB", "start ms", "threads"]
    lines = [head]
    for name in ("libcurl POST", "libcurl POST, TLS"):
        lines.append([f"floor: {name}", f"{floor[name]:.1f}", *[""] * 10])
    for name, row in result["rows"].items():
        label = f"floor: {name}" if name == "gRPC echo" else name
        ratio = "" if name == "gRPC echo" else f"{row['cpu_us'] / _floor_of(name, floor):.2f}"
        lines.append([
            label, f"{row['cpu_us']:.1f}", ratio, str(row["calls_per_s"]), number(row["p50_ms"]),
            number(row["p99_ms"]), number(row["p999_ms"]), mb(row.get("rss_idle_kb")),
            mb(row["rss_load_kb"]), mb(row.get("in_flight_rss_kb")),
            number(row.get("start_ms"), 1), str(row["threads"] or "")])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                     for line in lines)
    return (f"{text}\n\nfloor {result['floor_us']:.1f} us; CreateGameSession takes "
            f"{result['ratio_to_floor']:.2f} times that (the middle of {result['rounds']} rounds of "
            f"{result['calls']} calls). Program, stripped: {result['binary_bytes'] // 1024} kB. "
            f"Latencies at {result['rate_of_latencies']} calls/s. Load average "
            f"{result['machine']['load_average']:.1f} on {result['machine']['cpus']} CPUs.\n\n"
            f"{events.in_words(result['events'])}.")


def _floor_of(name, floor):
    posts = floor["libcurl POST, TLS"] if name.endswith("TLS") else floor["libcurl POST"]
    return floor["gRPC echo"] + posts * (2 if name.endswith("TerminateGameSession") else 1)


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def mb(kb):
    return "" if not kb else f"{kb / 1024:.1f}"


# ---- docs/benchmarks.md ----

TARGETS = (
    # what, figure in words, target in words, is it met
    ("CPU of CreateGameSession", lambda r: (f"{r['ratio_to_floor']:.2f} floors", "1.25 floors",
                                            r["ratio_to_floor"] <= 1.25)),
    ("the same, on a machine with a floor of 49 us",
     lambda r: (f"{r['ratio_to_floor'] * 49:.0f} us (from the ratio)", "60 us",
                r["ratio_to_floor"] * 49 <= 60)),
    ("CPU at 10,000 in flight, beside that at 100",
     lambda r: (f"{_growth(r):.2f} times", "1.25 times", _growth(r) <= 1.25)),
    ("memory for each of 10,000 calls in flight",
     lambda r: (f"{_ours(r)['in_flight_kb_each']:.1f} kB", "32 kB",
                _ours(r)["in_flight_kb_each"] <= 32)),
    ("resident when idle", lambda r: (f"{_ours(r)['rss_idle_kb'] / 1024:.1f} MB", "20 MB",
                                      _ours(r)["rss_idle_kb"] <= 20 * 1024)),
    ("exec to SERVING", lambda r: (f"{_ours(r)['start_ms']:.0f} ms", "50 ms",
                                   _ours(r)["start_ms"] <= 50)),
)


def _ours(result):
    return result["rows"]["CreateGameSession"]


def _growth(result):
    at = {row["x"]: row["cpu_us"] for row in result["growth"]["in_flight"]}
    return at[10000] / at[100]


def _markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _targets(result):
    rows = []
    for what, judge in TARGETS:
        figure, target, met = judge(result)
        rows.append((what, figure, "at most " + target, "met" if met else "**missed**"))
    return _markdown_table(("", "measured", "target", ""), rows)


def _stages(result):
    found = result["stages"]
    total = found["total"]
    rows = [(name, f"{n:,}", f"{100 * n / total:.1f} %") for name, n in found["stages"].items()]
    libraries = ", ".join(f"{name} {100 * n / total:.0f} %"
                          for name, n in found["libraries"].items())
    return (_markdown_table(("stage", "instructions a call", ""),
                            rows + [("**all**", f"{total:,}", "")])
            + f"\n\nThe floor is {found['echo']:,} (gRPC echo) and {found['post']:,} (libcurl POST), "
              f"so ours are {total / (found['echo'] + found['post']):.2f} floors. By library: "
              f"{libraries}.")


def _events(result):
    f = result["events"]
    rows = [("events worked off in a second of one core", f"{f['per_core_s']:,}"),
            ("CPU of an event", f"{f['cpu_us']:.0f} us"),
            (f"resident after {f['events']:,} events", f"{f['resident_kb'] / 1024:.1f} MB"),
            ("from the end of a placement to its report, one at a time",
             f"median {f['median_ms']} ms, 99 % {f['p99_ms']} ms, most {f['most_ms']} ms")]
    return (_markdown_table(("", ""), rows)
            + f"\n\nLoad average {result['machine']['load_average']:.1f}.")


def _growth_tables(result):
    titles = {"in_flight": "calls in flight", "session_data": "bytes of session_data",
              "latencies": "players with latencies for 4 regions",
              "regions": "regions, all but the last full"}
    parts = []
    for name, title in titles.items():
        rows = result["growth"][name]
        lines = [(title, *(f"{row['x']:,}" for row in rows)),
                 ("CPU us a call", *(f"{row['cpu_us']:.0f}" for row in rows))]
        if name == "in_flight":
            lines.append(("kB for each", *(
                f"{row['kb_each']:.1f}" if row["x"] >= 1000 else "" for row in rows)))
        parts.append(_markdown_table(lines[0], lines[1:]))
    return "\n\n".join(parts)


def write(path, result):
    """Between its marks; what people wrote around them stays."""
    plot = path.with_suffix(".svg")
    plot.write_text(_svg(result))
    machine = result["machine"]
    text = path.read_text()
    parts = {
        "machine": f"{machine['cpus']} CPUs, {machine['cpu']}, Linux {machine['kernel']}, "
                   f"{machine['date']}, load average {machine['load_average']:.1f} at the end.",
        "table": f"```text\n{table(result)}\n```\n\n![CPU time of a call]({plot.name})",
        "targets": _targets(result), "growth": _growth_tables(result), "stages": _stages(result),
        "events": _events(result)}
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{path} has no marks for {name}"
        text = before + begin + part + "\n" + end + after
    path.write_text(text)


# ---- the plot ----

LEFT, WIDTH, BAR = 250, 640, 22


def _bar(y, scale, label, parts):
    """parts: pairs of a number and a colour, side by side."""
    lines = [f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{label}</text>']
    x = LEFT
    for value, colour in parts:
        lines.append(f'<rect x="{x:.1f}" y="{y}" width="{value * scale:.1f}" height="{BAR - 4}" '
                     f'fill="{colour}"/>')
        x += value * scale
    lines.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{sum(v for v, _ in parts):.0f}</text>')
    return lines


def _svg(result):
    """CPU us of a call as bars, the floor first."""
    floor = result["floor"]
    bars = [("floor: gRPC echo + POST", [(floor["gRPC echo"], "#7a9e9f"),
                                         (floor["libcurl POST"], "#b8d8d8")]),
            ("floor: gRPC echo + POST, TLS", [(floor["gRPC echo"], "#7a9e9f"),
                                              (floor["libcurl POST, TLS"], "#b8d8d8")])]
    bars += [(name, [(row["cpu_us"], "#c08552" if name.startswith("peer") else "#4f6367")])
             for name, row in result["rows"].items() if name != "gRPC echo"]
    scale = (WIDTH - 60) / max(sum(v for v, _ in parts) for _, parts in bars)
    height = 40 + BAR * len(bars)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH}" height="{height}" '
             'font-family="sans-serif" font-size="13">',
             f'<rect width="{LEFT + WIDTH}" height="{height}" fill="white"/>',
             f'<text x="{LEFT}" y="18">CPU microseconds of one call</text>']
    for i, (label, parts) in enumerate(bars):
        lines += _bar(28 + i * BAR, scale, label, parts)
    return "\n".join([*lines, "</svg>"]) + "\n"
