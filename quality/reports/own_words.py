"""Words that the intake writes whatever it takes in: its messages, the names of its tables, SQL.

A ward is called *Layout*, a letter was written in *May*, and somebody's first name is *Ferenc*: these stand
in the intake's own messages, columns and ``REFERENCES``, too. What an intake that has never seen the report
holds as well is no sign of a leak there. In what is made of the report it still is, unless it stands in what
every such file is built of (``/Differences``) and nobody is shown it.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

from quality.hunter import Hit, Hunter, Token
from quality.intake import CENTER, Intake

_DOCUMENTS = (".pdf", ".txt")  # what is made of a report
_SHOWN = ("text of page", "picture", "page")  # where the hunter finds what a reader of such a file sees
_SHORTEST_MESSAGE = 3  # words
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """Tokens that an intake holds which took in a report on nobody."""

    anywhere: frozenset[Token]
    in_documents: frozenset[Token]  # in the PDF that it made


def own_words(tokens: Sequence[Token], hunter: Hunter) -> OwnWords:
    """Which of the tokens an intake holds that took in a report on nobody, or says in its messages."""
    intake = Intake(Path(_stranger().name))
    hits = hunter.hunt(intake.root, tokens, pictures=False, shallow=intake.encrypted).hits
    made = (hit for hit in hits if Path(hit.path).is_relative_to(intake.published))
    return OwnWords(frozenset(hit.token for hit in hits), frozenset(hit.token for hit in made))


def is_own_word(hit: Hit, own: OwnWords) -> bool:
    """Whether such a word was found where it says nothing of the report."""
    if Path(hit.path).suffix in _DOCUMENTS:
        return hit.token in own.in_documents and not hit.where.startswith(_SHOWN)
    return hit.token in own.anywhere


@cache
def _stranger() -> tempfile.TemporaryDirectory[str]:
    """A folder with such an intake, and with the texts of its program; it is removed with the process."""
    folder = tempfile.TemporaryDirectory(prefix="endoreg-own-words-")
    root = Path(folder.name)
    report = root / "report.pdf"
    page = Canvas(str(report))
    page.drawString(72, 700, "Kein Befund.")
    page.save()
    intake = Intake(root, {"ENDOREG_REPORT_RELEASE": "verified"})
    (said, *_) = intake.run("import", str(report), "--center", CENTER)
    if said["status"] == "needs_review":  # it names no patient
        intake.run("approve", said["uuid"])
    (root / "texts").write_text("\n".join(_texts_of_the_program()), encoding="utf-8")
    return folder


def _texts_of_the_program() -> Iterator[str]:
    """Every message and every name in the code of the package; comments, examples and word lists are none."""
    package = Path(str(resources.files("endoreg_db")))
    for path in sorted(package.rglob("*.py")):
        if path.is_relative_to(package / "samples"):
            continue  # its patients are invented, but their names are those of others
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (node for node in ast.walk(tree) if isinstance(node, _DOCUMENTED))
        documentation = {ast.get_docstring(node, clean=False) for node in documented}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value not in documentation and len(node.value.split()) >= _SHORTEST_MESSAGE:
                    yield node.value
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield node.name
            elif isinstance(node, ast.Name):
                yield node.id
