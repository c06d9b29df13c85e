import itertools
import json

import yaml

from service.dev.dashboard import SOURCE, dashboard, queries
from service.dev.documents import ROOT

PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def test_no_panel_covers_another_and_none_leaves_the_page() -> None:
    places = [panel["gridPos"] for panel in json.loads(dashboard())["panels"]]
    taken = [
        cell
        for place in places
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    text = (PROVISIONING / "datasources" / "prometheus.yml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE


def test_every_query_of_the_description_stands_in_the_dashboard() -> None:
    panels = json.loads(dashboard())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert [expr.replace("$__rate_interval", "1m") for expr in asked] == queries()
