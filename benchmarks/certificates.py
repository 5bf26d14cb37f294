"""What it costs to check a certificate, beside the hash of its file.

    python -m benchmarks.certificates [--rounds 15]

Each round is a new process that hashes the file, then loads what checking needs and checks it, then
checks it again. So the first check pays for loading, as the command does; ``endoreg certify verify`` also
starts Python and reads its command line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import table
from endoreg_db.certificate import SCHEMA, certificate_path, signed
from endoreg_db.storage.signing import SigningKey

LIMIT_MS = 50.0
#: What is checked: bytes of the file, and findings in its certificate.
CASES = (("a report", 50_000, 2), ("a minute of video", 75_000_000, 5), ("a restless hour", 1_000_000, 5000))

_CHECK = """
import json, sys, time
from pathlib import Path
file, key = Path(sys.argv[1]), bytes.fromhex(sys.argv[2])
def timed(work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3
def hashed():
    import hashlib
    with file.open("rb") as content:
        hashlib.file_digest(content, "sha256")
def checked():
    from endoreg_db.certificate import check
    check(file, key)
hashed()
print(json.dumps([timed(hashed), timed(checked), timed(checked)]))
"""


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="of each case (default: %(default)s)")
    options = parser.parse_args(arguments)
    key = SigningKey(os.urandom(32))
    rows = []
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as name:
        for what, size, findings in CASES:
            file = _publish(Path(name) / "published.mp4", size, findings, key)
            rounds = [_round(file, key.public_key.hex()) for _ in range(options.rounds)]
            hashing = statistics.median(lap[0] for lap in rounds)
            first = statistics.median(lap[1] - lap[0] for lap in rounds)
            later = statistics.median(lap[2] - lap[0] for lap in rounds)
            about = f"{what}: {size / 1e6:g} MB, {findings:,} findings"
            rows.append([about, f"{hashing:.1f}", f"{first:.1f}", f"{later:.1f}"])
    title = f"Checking a certificate (may take {LIMIT_MS:g} ms beside the hash of its file)"
    return table(title, ["file", "hash, ms", "first check, ms beside", "later check, ms beside"], rows)


def _publish(file: Path, size: int, findings: int, key: SigningKey) -> Path:
    """A file of random bytes and its certificate, as large as one of so many findings is."""
    content = os.urandom(size)
    file.write_bytes(content)
    finding = {"code": "no_fit", "severity": "review", "detail": "shows another layout than the device's"}
    document = {
        "schema": SCHEMA,
        "uuid": "12345678-1234-5678-1234-567812345678",
        "kind": "video",
        "issued_at": "2025-01-01T00:00:00+00:00",
        "source": {"hmac_sha256": "0" * 64},
        "output": {"name": file.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": size},
        "device": None,
        "software": {"endoreg-intake": "0.1.0"},
        "findings": [{**finding, "start_ms": n, "end_ms": n + 40} for n in range(findings)],
        "verification": {"frames": 25},
        "released": {"by": "endoreg", "how": "verified"},
    }
    certificate_path(file).write_bytes(signed(document, key.public_key, key.sign))
    return file


def _round(file: Path, public_key: str) -> list[float]:
    """Milliseconds of hash, first check and later check in a new process."""
    command = [sys.executable, "-c", _CHECK, str(file), public_key]
    told: list[float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return told


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
