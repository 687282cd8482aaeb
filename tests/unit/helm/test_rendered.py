"""What each environment becomes is kept in the repository: a change shows what it changes."""

import copy

import pytest
import yaml
from support.helm import ROOT, environment
from support.rendered import ENVIRONMENTS, FOLDER, canonical


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_kept_is_what_the_chart_makes(name: str) -> None:
    flags = yaml.safe_load((ROOT / "helm" / "environments" / name / "flags.yaml").read_text())
    objects = environment(name, namespace=flags["namespace"])
    kept = (FOLDER / f"{name}.yaml").read_text()
    assert canonical(objects) == kept, "run `poe rendered` and look at what changed"
    other = copy.deepcopy(objects)
    next(one for one in other if one["kind"] == "Deployment")["spec"]["replicas"] = 7
    assert canonical(other) != kept


def test_nothing_made_by_chance_is_kept() -> None:
    assert canonical(environment("local")) == canonical(environment("local"))
    text = (FOLDER / "local.yaml").read_text()
    for one in yaml.safe_load_all(text):
        if one["kind"] == "Secret":
            assert set((one.get("data") or {}).values()) <= {"made at the first install"}
    assert "PRIVATE KEY" not in text
