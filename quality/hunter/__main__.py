"""``python -m quality.hunter PATH --token T ...``: says what it found and where.

Exit code 0 when nothing was found, 1 when something was, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from quality.hunter.hunt import Hunter, Report
from quality.hunter.tokens import Token


def main(arguments: list[str] | None = None) -> int:
    """Hunt as the arguments say; prints one line for each hit."""
    options = _parser().parse_args(arguments)
    missing = [path for path in options.paths if not path.exists()]
    if missing:
        sys.stderr.write(f"not there: {missing[0]}\n")
        return 2
    hunter = Hunter()
    tokens = [Token(text) for text in options.token]
    reports = [hunter.hunt(path, tokens, pictures=not options.no_pictures) for path in options.paths]
    for report in reports:
        _print(report, as_json=options.json)
    return 1 if any(report.hits for report in reports) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quality.hunter", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument(
        "--token", action="append", required=True, help="what must not be there; dates as 1984-08-16"
    )
    parser.add_argument("--no-pictures", action="store_true", help="bytes and fields only, without OCR")
    parser.add_argument("--json", action="store_true", help="one JSON object for each hit")
    return parser


def _print(report: Report, *, as_json: bool) -> None:
    for hit in report.hits:
        line = json.dumps(asdict(hit)) if as_json else f"{hit.path}: {hit.where} ({hit.how}): {hit.excerpt}"
        sys.stdout.write(line + "\n")
    for part in report.unread:
        sys.stderr.write(f"could not be read: {part.where} ({part.why})\n")


if __name__ == "__main__":
    sys.exit(main())
