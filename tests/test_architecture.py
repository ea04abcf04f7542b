"""The shape of the house, held by tests: directions, weights of imports, twins, sizes, contents."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

import synthema_kernels
from synthema_kernels import reference

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "synthema_core": ROOT / "synthema_core",
    "synthema_kernels": ROOT / "kernels" / "synthema_kernels",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

LONGEST = 400
LONG = {  # path from the root -> why it may be longer
    "tests/core/test_report.py": "one audit, rendered once, is asked every question about the page",
    "tests/core/test_schema.py": "a case per kind of column, and a case per sentence of an error",
}

# import name -> distribution name, where they differ
DISTRIBUTION = {"sklearn": "scikit-learn"}


def sources() -> list[Path]:
    return sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module a file imports, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def fresh(code: str, *, cwd: Path = ROOT, installed: bool = False) -> str:
    """What a new interpreter prints; `installed` finds only what the environment has installed."""
    env = {n: v for n, v in os.environ.items() if not (installed and n == "PYTHONPATH")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


# --- directions ---------------------------------------------------------------------------------


def test_imports_go_one_way():
    fresh("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())")


def test_every_module_of_core_has_a_layer():
    """A module that no layer names could import anything."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layered = {
        name.strip().removeprefix("synthema_core.")
        for contract in config["tool"]["importlinter"]["contracts"]
        for layer in contract.get("layers", [])
        for name in layer.split("|")
    }
    modules = {
        path.stem
        for path in PACKAGES["synthema_core"].iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert modules - {"__init__", "__main__"} <= layered


# --- light imports ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("synthema_kernels", ["polars", "pandas", "sklearn", "jax", "synthema_core"]),
        ("synthema_kernels.flows", ["polars", "pandas", "sklearn", "synthema_core"]),
        ("synthema_kernels.device", ["polars", "pandas", "sklearn", "optax", "synthema_core"]),
        (
            "synthema_core",
            ["jax", "optax", "matplotlib", "sklearn", "pandas", "dask", "distributed"],
        ),
    ],
)
def test_importing_stays_light(module, absent):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    assert fresh(code) == "[]"


@pytest.mark.parametrize("module", ["synthema_kernels", "synthema_core"])
def test_importing_is_quick(module):
    """Processor time, best of three: a busy machine does not slow it, a heavy import does."""
    code = (
        "import time; start = time.process_time(); "
        f"import {module}; print(time.process_time() - start)"
    )
    assert min(float(fresh(code)) for _ in range(3)) < 2.0


def test_without_the_flows_extra_the_error_names_the_remedy():
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "import synthema_core\n"
        "from synthema_core.errors import MissingExtra\n"
        "try:\n"
        "    from synthema_core.generate import FlowGenerator\n"
        "    FlowGenerator(seed=0)\n"
        "except MissingExtra as error:\n"
        "    print(error)\n"
    )
    assert "[flows]" in fresh(code)


def test_source_roots_are_not_packages(tmp_path):
    """`kernels` on PyPI is somebody else's; tests and bench are for this checkout alone."""
    assert not (ROOT / "kernels" / "__init__.py").exists()
    code = (
        "import importlib.util as u, synthema_core, synthema_kernels; "
        "print([m for m in ('kernels', 'tests', 'bench') if u.find_spec(m)])"
    )
    assert fresh(code, cwd=tmp_path, installed=True) == "[]"


# --- kernels and their definitions --------------------------------------------------------------

KERNELS = [
    name
    for name, member in sorted(vars(synthema_kernels).items())
    if not name.startswith("_")
    and callable(member)
    and not inspect.isclass(member)
    and not inspect.ismodule(member)
]


def test_kernels_are_exported():
    assert "nearest" in KERNELS


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_has_a_reference_twin(name):
    kernel, twin = getattr(synthema_kernels, name), getattr(reference, name, None)
    assert callable(twin), f"synthema_kernels.reference lacks {name}"
    assert kernel.__doc__
    assert twin.__doc__
    # Callable in the same way: the twin may lack what only tunes speed, never the reverse.
    assert set(inspect.signature(twin).parameters) <= set(inspect.signature(kernel).parameters)


# --- what the source may hold -------------------------------------------------------------------


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_source_is_safe(path):
    tops = {module.split(".")[0] for module in imports(path)} | set(imports(path))
    unpickles = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "_pickle"}
    assert not tops & unpickles, "a model travels between hospitals: no pickle"
    networks = {"socket", "ssl", "urllib.request", "http", "ftplib", "smtplib", "requests"}
    networks |= {"httpx", "aiohttp", "urllib3", "websockets", "xmlrpc", "fsspec", "boto3"}
    assert not tops & networks, "patient data stay on this machine: no network"
    text = path.read_text()
    assert "allow_pickle=True" not in text
    assert not re.search(r"(?<![\w.])(eval|exec)\(", text)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_source_imports_only_what_is_declared(path):
    """A file whose import is not a dependency works here and fails at the user's."""
    requirements = [*PROJECT["dependencies"], *EXTRAS["flows"], *EXTRAS["distributed"]]
    declared = {re.split(r"[^\w-]", line)[0].lower() for line in requirements}
    tops = {module.split(".")[0] for module in imports(path)}
    foreign = tops - sys.stdlib_module_names - PACKAGES.keys()
    needed = {DISTRIBUTION.get(name, name).lower() for name in foreign}
    assert needed <= declared


def written() -> list[Path]:
    """Sources, tests and benchmarks; not the environments of rivals under bench/.rivals."""
    beside = [p for folder in ("tests", "bench") for p in (ROOT / folder).rglob("*.py")]
    hidden = [p for p in beside if any(part.startswith(".") for part in p.relative_to(ROOT).parts)]
    return sources() + sorted(set(beside) - set(hidden))


def test_files_stay_short():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in written()}
    too_long = {name: n for name, n in lengths.items() if n > LONGEST and name not in LONG}
    assert not too_long, "split it, or list it in LONG with a reason"
    assert not [name for name in LONG if lengths.get(name, 0) <= LONGEST], "no longer long: unlist"


def test_templates_claim_nothing():
    """A report says risk, adversary, control, interval and date; it never passes a verdict."""
    report = PACKAGES["synthema_core"] / "report"
    pages = [path for path in report.rglob("*") if path.suffix in {".html", ".j2", ".jinja"}]
    assert pages
    claim = re.compile(r"\b(anonymous|anonymized|anonymised|compliant|compliance)\b", re.I)
    for page in pages:
        assert not claim.search(page.read_text()), name_of(page)


# --- what is shipped ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_both_packages_and_their_data(wheel):
    shipped = set(wheel.namelist())
    expected = {
        path.relative_to(folder.parent).as_posix()
        for folder in PACKAGES.values()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".nbi", ".nbc"}
    }
    assert expected <= shipped
    assert "synthema_core/py.typed" in shipped
    assert "synthema_kernels/py.typed" in shipped
    assert any(name.endswith(".schema.json") for name in shipped)


def test_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES.keys()


def test_wheel_is_installable_alone(wheel, tmp_path):
    """Unpacked elsewhere, it imports from there: no file of the checkout is needed."""
    wheel.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, '.'); "
        "import synthema_core, synthema_kernels; "
        "print(synthema_core.__file__, synthema_kernels.__file__)"
    )
    found = fresh(code, cwd=tmp_path).split()
    assert all(Path(path).is_relative_to(tmp_path) for path in found)


def test_public_names_are_public():
    """What `__init__` shows is a list one can read: no module computes or star-imports."""
    for name, folder in PACKAGES.items():
        tree = ast.parse((folder / "__init__.py").read_text())
        stars = [
            n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"
        ]
        assert not stars, name
        importlib.import_module(name)
