#!/usr/bin/env python3
"""Asks a Prometheus every query of the rules and of the dashboards: queries.py http://127.0.0.1:9090

Ends with 1 if one is refused. Which ones found nothing is said: with a young installation that is most counters of trouble.
"""
import glob
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$__interval": "1m", "$__range": "1h"}


def dashboards():
    for path in sorted(glob.glob(os.path.join(HERE, "../grafana/dashboards/*.json"))):
        with open(path, encoding="utf-8") as file:
            board = json.load(file)
        stack = list(board["panels"])
        while stack:
            panel = stack.pop(0)
            stack.extend(panel.get("panels", []))
            for target in panel.get("targets", []):
                query = target["expr"]
                for name, value in VARIABLES.items():
                    query = query.replace(name, value)
                if "$" in query.replace("$1", ""):
                    sys.exit(f"{path}: {panel['title']}: a variable that is not known here: {query}")
                yield f"{os.path.basename(path)}: {panel['title']}", query


def rules(address):
    with urllib.request.urlopen(address + "/api/v1/rules") as answer:
        groups = json.load(answer)["data"]["groups"]
    for group in groups:
        for rule in group["rules"]:
            if rule["health"] != "ok":
                sys.exit(f"rule {rule['name']}: {rule['health']}: {rule.get('lastError')}")
            yield f"rule {rule['name']}", rule["query"]


def ask(address, query):
    data = urllib.parse.urlencode({"query": query}).encode()
    try:
        with urllib.request.urlopen(address + "/api/v1/query", data=data) as answer:
            return json.load(answer)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], json.load(error).get("error", str(error))


def main():
    address = sys.argv[1].rstrip("/")
    asked, empty, refused = 0, [], []
    for where, query in [*dashboards(), *rules(address)]:
        result, error = ask(address, query)
        asked += 1
        if error:
            refused.append(f"{where}: {error}: {query}")
        elif not result and not where.startswith("rule Ulak"):
            empty.append(re.sub(r"\s+", " ", where))
    print(f"   {asked} queries answered, {len(refused)} refused; no data (yet) for {len(empty)}: {', '.join(empty)}")
    for line in refused:
        print(line, file=sys.stderr)
    sys.exit(1 if refused else 0)


main()
