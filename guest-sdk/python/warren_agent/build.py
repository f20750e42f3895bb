"""``python -m warren_agent.build [DIR]``: an agent's sources to ``dist/<name>.wasm``. What ``warren build`` runs.

CPython imports the agent and is frozen. Prints the file's path as the last line of stdout. Exit codes: 1 the sources are
wrong, 2 the project is, 3 a tool is missing.
"""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .agent import agent_of
from .errors import failure_of

_SDK = Path(__file__).resolve().parent
_OUT = "dist"
_ENTRY = "warren_entry"
_AGENT = "agent"
_SOURCES, _PROJECT, _TOOL = 1, 2, 3
_PASSED_OVER = {_OUT, "node_modules", "__pycache__", _SDK.name}


class Stop(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def main(directory: Path) -> Path:
    name, module = _project(directory)
    compiler = _compiler(directory)
    _check_syntax(directory)
    _check_start(directory, module)
    out = directory / _OUT
    entry = out / "entry"
    entry.mkdir(parents=True, exist_ok=True)
    (entry / f"{_ENTRY}.py").write_text(
        f"from warren_agent.component import component\nimport {module} as agent\n\nWitWorld = component(agent)\n"
    )
    file = out / f"{name}.wasm"
    file.unlink(missing_ok=True)
    command = [compiler, "-q", "-d", _SDK / "wit", "-w", "agent", "componentize", _ENTRY, "-s"]
    for path in (directory, _SDK.parent, entry):
        command += ["-p", path]
    made = subprocess.run([*map(str, command), "-o", str(file)], cwd=directory, capture_output=True, text=True, check=False)
    if made.returncode != 0 or not file.is_file():
        # Before and after the words about the agent there are some about the toolchain itself.
        said = re.sub(r"^.*?AssertionError: |\n+(Caused by|Stack backtrace):.*", "", made.stderr, flags=re.S)
        said = re.sub(r'File "/\d+/', 'File "', said)
        raise Stop(_SOURCES, f"the agent in {module}.py does not start in a component:\n{said.rstrip()}")
    return file


def _project(directory: Path) -> tuple[str, str]:
    """Its name and the module of its agent."""
    file = directory / "pyproject.toml"
    if not file.is_file():
        raise Stop(_PROJECT, f"{directory} is no Python project: it has no pyproject.toml")
    text = file.read_text()
    name = _said(text, "project", "name")
    if not name:
        raise Stop(_PROJECT, f"{file}: it has no `name` under [project]")
    module = _said(text, "tool.warren", "agent") or _AGENT
    if not (directory / f"{module}.py").is_file() and not (directory / module / "__init__.py").is_file():
        raise Stop(_PROJECT, f"{directory} has no {module}.py; `agent = \"…\"` under [tool.warren] names another module")
    return name, module


def _said(text: str, table: str, key: str) -> str:
    """A string of a TOML file: `tomllib` is younger than the Pythons that run this."""
    section = re.search(rf"^\[{re.escape(table)}\]\s*$(.*?)(?=^\[|\Z)", text, re.M | re.S)
    value = section and re.search(rf"^{key}\s*=\s*[\"']([^\"']+)[\"']", section.group(1), re.M)
    return value.group(1) if value else ""


def _compiler(directory: Path) -> str:
    """componentize-py beside this Python, of the project's environment, or on the path."""
    for place in (Path(sys.executable).parent, directory / ".venv/bin"):
        if (place / "componentize-py").is_file():
            return str(place / "componentize-py")
    found = shutil.which("componentize-py")
    if not found:
        raise Stop(_TOOL, "componentize-py is not installed")
    return found


def _check_start(directory: Path, module: str) -> None:
    """Start it here: what is wrong with most agents is wrong everywhere, and a component takes half a minute to tell."""
    sys.path.insert(0, str(directory))
    sys.dont_write_bytecode = True
    try:
        agent_of(importlib.import_module(module))
    except Exception as error:
        raise Stop(_SOURCES, f"the agent in {module}.py does not start: {failure_of(error).reason}{_missing(error)}") from None


def _missing(error: Exception) -> str:
    """What to do about a module that is not there."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    name = error.name.split(".")[0]
    return (
        f"\nif `{name}` is a package, install it into the project: .venv/bin/pip install {name} (pure Python works; packages with "
        "native code do not, and there are no sockets: ask the host by `ctx`)"
    )


def _check_syntax(directory: Path) -> None:
    for file in sorted(directory.rglob("*.py")):
        parts = file.relative_to(directory).parts
        if any(part in _PASSED_OVER or part.startswith(".") for part in parts[:-1]):
            continue
        try:
            compile(file.read_bytes(), str(file.relative_to(directory)), "exec", dont_inherit=True)
        except SyntaxError as error:
            shown = (error.text or "").rstrip()
            raise Stop(_SOURCES, f"{error.filename}:{error.lineno}: {error.msg}\n    {shown}") from None


if __name__ == "__main__":
    try:
        print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
    except Stop as stop:
        print(stop, file=sys.stderr)
        sys.exit(stop.code)
