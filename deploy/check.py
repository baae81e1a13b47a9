#!/usr/bin/env python3
"""What the files of deploy/ say of each other, of docs/ and of the code: check.py PART. For scripts/check-deploy; nothing but the standard library."""
import glob
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RULES = "deploy/prometheus/ulak-rules.yml"
TESTS = sorted(glob.glob(os.path.join(ROOT, "deploy/prometheus/tests/*.yml")))
# Labels that Prometheus and the rules add.
ADDED = {"instance", "job", "le", "alertname", "alertstate", "severity", "account", "lane"}
# Not Ulak's.
FOREIGN = {"up", "ALERTS"}
wrong = []


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def expect(right, words):
    if not right:
        wrong.append(words)


def alerts():
    rules, runbook = read(RULES), read("docs/runbook.md")
    parts = re.split(r"(?m)^ +- alert: ", rules)[1:]
    names = [part.split("\n", 1)[0].strip() for part in parts]
    tests = "".join(read(path) for path in TESTS)
    headings = re.findall(r"(?m)^### (\w+)$", runbook)
    expect(len(names) > 20, f"only {len(names)} alerts were found")
    expect(len(set(names)) == len(names), "an alert's name is taken twice")
    expect(sorted(h for h in headings if h.startswith("Ulak")) == sorted(names), f"runbook and rules differ: {sorted(set(headings) ^ set(names))}")
    for name, part in zip(names, parts):
        expect(f"runbook_url: docs/runbook.md#{name.lower()}\n" in part, f"{name}: no runbook_url with its anchor")
        expect(re.search(r"severity: (page|ticket)\b", part), f"{name}: severity is neither page nor ticket")
        expect("summary:" in part, f"{name}: no summary")
        expect(f'count by (severity) (ALERTS{{alertname="{name}",alertstate="firing"}})' in tests, f"{name}: no test in which it fires")
        section = runbook.split(f"### {name}\n", 1)[-1].split("\n### ", 1)[0]
        for word in ("**Means**", "**Look**", "**Do**"):
            expect(word in section, f"runbook, {name}: no {word}")
    # links within the runbook and to the documents beside it
    for link in re.findall(r"\]\(([^)]+)\)", runbook):
        path, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join("docs", path)) if path else "docs/runbook.md"
        if not os.path.exists(os.path.join(ROOT, target)):
            expect(False, f"runbook: {link}: no such file")
            continue
        if anchor:
            anchors = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"(?m)^#+ (.+)$", read(target))]
            expect(anchor in anchors, f"runbook: {link}: no such heading")


def documented():
    found = {}
    for name, kind, labels in re.findall(r"(?m)^\| `(ulak_\w+)` \| (\w+) \| ([^|]*)\|", read("docs/metrics.md")):
        own = set(re.findall(r"`(\w+)`", labels))
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[name + suffix] = own
    return found


def queries():
    """(where, query) of rules, dashboards and scaling; of the runbook what stands between backquotes and begins like a query."""
    for block in re.findall(r"(?ms)^ +expr: (?:\|\n(.*?)(?=^ +(?:for|labels|annotations|- |record)|^$|\Z)|(.*?)$)", read(RULES)):
        yield RULES, "".join(block)
    for query in re.findall(r"expr: '((?:[^']|'')*)'", read(RULES)):
        yield RULES, query
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy/grafana/dashboards/*.json"))):
        for query in re.findall(r'"expr": ("(?:[^"\\]|\\.)*")', read(path)):
            yield os.path.relpath(path, ROOT), json.loads(query)
    for query in re.findall(r"(?m)^ +query: (.*)$", read("deploy/kubernetes/base/worker-scaling.yaml")):
        yield "worker-scaling.yaml", query
    for query in re.findall(r"`((?:[a-z_]+ ?\(|[a-z]+ by \(|ulak)[^`]*ulak[_:][^`]*)`", read("docs/runbook.md")):
        yield "docs/runbook.md", query


def metrics():
    known = documented()
    expect(len(known) > 30, "docs/metrics.md: hardly a metric was found")
    recorded = set(re.findall(r"record: \"?(ulak:[\w:]+)", read(RULES)))
    asked = 0
    for where, query in queries():
        if where == "docs/runbook.md" and re.search(r"^ulak [a-z]", query):
            continue
        for name, labels in re.findall(r"\b(ulak[_:][\w:]+|up|ALERTS)\b(?:\{([^}]*)\})?", query):
            asked += 1
            if name in FOREIGN:
                continue
            if name.startswith("ulak:"):
                expect(name in recorded or f"{name}:" in "".join(recorded) or where == "docs/runbook.md" and any(r.startswith(name) for r in recorded), f"{where}: {name} is not recorded")
                continue
            bare = name + "_count" if name + "_count" in known else name
            expect(bare in known, f"{where}: {name} is not in docs/metrics.md")
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
                expect(label in known.get(bare, set()) | ADDED - {"account", "lane"}, f"{where}: {name} has no label {label}")
    expect(asked > 150, f"only {asked} uses of metrics were found")
    unused = set(known) - {n for _, q in queries() for n in re.findall(r"\bulak_\w+", q)}
    unused = {n for n in unused if not n.endswith(("_sum", "_count"))}
    expect(not unused, f"no rule and no dashboard shows: {', '.join(sorted(unused))}")


def dashboards():
    uid = re.search(r"uid: (\S+)", read("deploy/grafana/provisioning/datasources/ulak.yaml")).group(1)
    uids = set()
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy/grafana/dashboards/*.json"))):
        board, name = json.loads(read(path)), os.path.basename(path)
        expect(board["uid"] == name[: -len(".json")], f"{name}: uid is {board['uid']}")
        expect(board["uid"] not in uids, f"{name}: uid is taken twice")
        uids.add(board["uid"])
        cells, ids = set(), set()
        for panel in board["panels"]:
            title = f"{name}: {panel['title']}"
            expect(panel["id"] not in ids, f"{title}: id is taken twice")
            ids.add(panel["id"])
            expect(panel["targets"] and all(t["expr"].strip() for t in panel["targets"]), f"{title}: no query")
            expect(panel["datasource"]["uid"] == uid, f"{title}: another data source")
            at = panel["gridPos"]
            expect(at["x"] + at["w"] <= 24, f"{title}: too wide")
            mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            expect(not mine & cells, f"{title}: lies on another panel")
            cells |= mine
    expect(len(uids) == 4, f"{len(uids)} dashboards")


def topology():
    rust = read("bus/src/topology.rs").split("#[cfg(test)]")[0]
    definitions = json.loads(read("deploy/rabbitmq/definitions.json"))
    queues = {q["name"]: q["arguments"] for q in definitions["queues"]}
    exchanges = {e["name"]: e for e in definitions["exchanges"]}
    bindings = {(b["source"], b["routing_key"], b["destination"]) for b in definitions["bindings"]}
    limits = {name: int(value.replace("_", "")) for name, value in re.findall(r"const (\w+_DELIVERY_LIMIT): i64 = ([\d_]+);", rust)}
    named = dict(re.findall(r'pub const (\w+): &str = "([^"]+)";', rust))
    kinds = {named[n]: (k.lower(), named.get(a)) for n, k, a in re.findall(r"exchange\((\w+), ExchangeKind::(\w+), (?:Some\((\w+)\)|None)\)", rust)}
    expect(set(kinds) == set(exchanges), f"exchanges differ: {set(kinds) ^ set(exchanges)}")
    for name, (kind, alternate) in kinds.items():
        there = exchanges.get(name, {})
        expect(there.get("type") == kind and there.get("durable") and there.get("arguments", {}).get("alternate-exchange") == alternate, f"exchange {name} differs")
    for source, queue, key in re.findall(r'bind\((\w+), (\w+), "([^"]*)"\)', rust):
        expect((named[source], key, named[queue]) in bindings, f"binding {named[source]} -> {named[queue]} is missing")
    work = {"x-queue-type": "quorum", "x-dead-letter-exchange": named["RETURNED"], "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-delivery-limit": limits["WORK_DELIVERY_LIMIT"]}
    keep = {"x-queue-type": "quorum", "x-delivery-limit": limits["NO_DELIVERY_LIMIT"]}
    wanted = {named[n]: keep for n in ("UNROUTABLE", "RETURNED", "DEAD_LETTER")}
    wanted[named["FACTS"]] = {**work, "x-single-active-consumer": True}
    for path in glob.glob(os.path.join(ROOT, "schemas/events/*.json")):
        event_type = os.path.basename(path)[: -len(".json")]
        queue = re.sub(r"\.v\d+$", "", event_type)
        wanted[queue] = work
        expect((named["NOTIFICATIONS"], event_type, queue) in bindings, f"event type {event_type} is not bound to {queue}")
    for name in sorted(set(wanted) | set(queues)):
        expect(queues.get(name) == wanted.get(name), f"queue {name}: {queues.get(name)}, the code has {wanted.get(name)}")
    work_policy = next(p for p in definitions["policies"] if p["name"] == "ulak-work")
    for name in wanted:
        expect(bool(re.search(work_policy["pattern"], name)) == (wanted[name] != keep), f"policy ulak-work and queue {name}")
    expect(not definitions.get("users"), "definitions.json has users")


def grants():
    tables = set()
    for path in glob.glob(os.path.join(ROOT, "ledger/migrations/*.sql")):
        tables |= set(re.findall(r"CREATE TABLE (\w+)", read(path)))
    named = set(re.findall(r"(?m)^ +\('(\w+)', +'(?:worker|scheduler|gateway|operator|auditor)'", read("deploy/postgres/grants.sql")))
    expect(tables - named == set(), f"grants.sql names no right on: {tables - named}")
    expect(named - tables == set(), f"grants.sql names tables that do not exist: {named - tables}")


def drain():
    seconds = int(re.search(r"(?m)^drain_s = (\d+)", read("deploy/ulak.toml")).group(1))
    found = [("compose.yaml", int(re.search(r"stop_grace_period: (\d+)s", read("deploy/compose/compose.yaml")).group(1)))]
    for name in ("worker", "scheduler", "gateway"):
        found.append((f"{name}.yaml", int(re.search(r"terminationGracePeriodSeconds: (\d+)", read(f"deploy/kubernetes/base/{name}.yaml")).group(1))))
    for path in glob.glob(os.path.join(ROOT, "deploy/systemd/*.service")):
        if stop := re.search(r"(?m)^TimeoutStopSec=(\d+)$", read(path)):
            found.append((os.path.basename(path), int(stop.group(1))))
    expect(len(found) >= 8, f"only {found}")
    for where, given in found:
        expect(given >= seconds + 10, f"{where} gives {given} s, worker.drain_s is {seconds}")


def images():
    text = {p: read(p) for p in ("deploy/Dockerfile", "deploy/compose/compose.yaml", "deploy/kubernetes/base/migrate.yaml")}
    found = [(p, image) for p, t in text.items() for image in re.findall(r"(?m)^(?:FROM|\s+image:) (\S+)", t) if image != "ulak"]
    expect(len(found) >= 7, f"only {found}")
    for path, image in found:
        expect(re.search(r":v?\d+\.\d+", image), f"{path}: {image} is not pinned by version")


def configuration():
    expect(read("deploy/ulak.toml") == read("deploy/kubernetes/overlays/example/ulak.toml"), "they differ: copy it again")


if __name__ == "__main__":
    {part.__name__: part for part in (alerts, metrics, dashboards, topology, grants, drain, images, configuration)}[sys.argv[1]]()
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
