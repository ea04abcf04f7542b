"""What the pages tell people to type exists, and works."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from synthema_core.cli import main
from synthema_core.encoding import Encoder
from synthema_core.generate import cohort
from synthema_core.schema import Schema

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
FENCE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")

# What the names of the examples stand for: `model.sample(…)` is checked against FlowGenerator.
STANDS_FOR = {
    "sc": "synthema_core",
    "schema": "synthema_core.Schema",
    "audit": "synthema_core.auditing.Audit",
    "model": "synthema_core.generate.FlowGenerator",
    "generator": "synthema_core.generate.AvatarGenerator",
    "cohort": "synthema_core.generate.cohort",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> list[str]:
    return FENCE.findall(path.read_text())


def resolve(dotted: str) -> object:
    """The object of a dotted name; of a function and a module of one name, the function."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        if cut == len(parts) > 1:
            return getattr(importlib.import_module(".".join(parts[:-1])), parts[-1], found)
        return found
    raise AssertionError(f"{dotted} does not exist")


def dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    missing = [to for to in LINK.findall(page.read_text()) if not (page.parent / to).exists()]
    assert not missing


@pytest.mark.parametrize(
    ("page", "code"),
    [
        pytest.param(p, code, id=f"{name_of(p)}-{i}")
        for p in PAGES
        for i, code in enumerate(blocks(p))
    ],
)
def test_examples_use_names_and_arguments_that_exist(page, code):
    known = dict(STANDS_FOR)
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                resolve(f"{node.module}.{alias.name}")
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name] = alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            first, _, rest = name.partition(".")
            if not known.get(first, "").startswith("synthema"):
                continue
            called = resolve(known[first] + ("." + rest if rest else ""))
            parameters = inspect.signature(called).parameters
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                assert {k.arg for k in node.keywords} <= set(parameters), name


def test_the_kernels_of_the_readme_run():
    (code,) = [code for code in blocks(ROOT / "README.md") if "synthema_kernels" in code]
    scope: dict[str, object] = {}
    exec(code, scope)
    assert scope["index"].ravel().tolist() == [0, 1, 2]
    assert scope["distance"].ravel().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("example", sorted((ROOT / "docs" / "examples").glob("*.py")), ids=name_of)
def test_examples_run_from_anywhere(example, tmp_path):
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_path_of_one_column_is_true():
    """What the first page prints about age is what the code says about it."""
    page = (ROOT / "docs" / "index.md").read_text()
    table = cohort.simulate(400, seed=0)
    shown = ", ".join(map(str, table["age"].head(5)))
    # a failure here means that the page is stale: print it anew
    assert f"age  {table['age'].dtype}   {shown}, …" in page
    trace = Encoder.fit(table, cohort.schema()).trace("age")
    assert textwrap.indent(trace, "    ") in page
    assert f'"{Schema.infer(table).column("age").reason}"' in page


def commands() -> list[str]:
    """Each `synthema …` line of the pages, continued lines joined."""
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        found.update(
            " ".join(m.split()) for m in re.findall(r"^(?:    )?(synthema .*)$", text, re.M)
        )
    return sorted(found)


@pytest.mark.parametrize("command", commands())
def test_commands_and_options_exist(command, capsys):
    words = command.split()
    verb = [] if words[1].startswith("-") or words[1] == "COMMAND" else [words[1]]
    assert main([*verb, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in (word for word in words if re.fullmatch(r"--?[a-z-]+", word)):
        assert option in shown
