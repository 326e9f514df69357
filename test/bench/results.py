"""Collects figures, prints them as a table and writes them to build/bench/results.json."""

import json
import pathlib

PLACE = pathlib.Path(__file__).resolve().parents[2] / "build" / "bench" / "results.json"


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


class Results:
    def __init__(self):
        self.figures = []

    def add(self, name, value, unit, reference=None, reference_value=None):
        """A figure and what it is held against; the ratio is value / reference_value."""
        ratio = round(value / reference_value, 3) if reference_value else None
        self.figures.append({"name": name, "value": round(value, 1), "unit": unit, "reference": reference,
                             "reference_value": reference_value and round(reference_value, 1), "ratio": ratio})
        against = f"  {reference} {number(reference_value)}  ratio {ratio:.2f}" if ratio is not None else ""
        print(f"  {name:28} {number(value):>12} {unit:10}{against}", flush=True)

    def table(self):
        lines = ["| figure | value | unit | against | its value | ratio |", "|---|---:|---|---|---:|---:|"]
        for figure in self.figures:
            reference = figure["reference_value"]
            lines.append(f"| `{figure['name']}` | {number(figure['value'])} | {figure['unit']} | {figure['reference'] or ''} | "
                         f"{number(reference) if reference else ''} | {figure['ratio'] or ''} |")
        return "\n".join(lines)

    def write(self):
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        PLACE.write_text(json.dumps(self.figures, indent=1) + "\n")
        print(self.table())
        print(f"written to {PLACE.relative_to(PLACE.parents[2])}")


def resident_memory(cluster, dbname, results):
    """Memory of each worker of its own, at the end of a run (shared buffers are everybody's and left out)."""
    rows = cluster.query("SELECT kind, key, pid FROM standin.stat_worker WHERE pid IS NOT NULL ORDER BY 1, 2", dbname=dbname)
    for kind, _key, pid in rows:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        private = sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
        results.add(f"worker_rss_{kind}", private / 1024, "MB")
