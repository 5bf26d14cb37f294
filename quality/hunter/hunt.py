"""The hunt: a file or a folder, taken apart layer by layer, every piece compared with every token."""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from quality.hunter import bytescan, reading
from quality.hunter.boxes import box_times
from quality.hunter.databases import MAGIC as SQLITE
from quality.hunter.databases import row_pieces, with_schema_apart
from quality.hunter.documents import document_pieces
from quality.hunter.media import Sampling, media_pieces
from quality.hunter.pieces import Piece, Unread
from quality.hunter.tokens import Hit, Token
from quality.hunter.unwrap import LARGEST_FOR_RAW, unwrap

_WINDOW = 32 * 2**20  # bytes of a file that are looked into at once
_OVERLAP = 64 * 2**10  # bytes; a token, or a short stream, across the border is found in one of them
_LAYERS = 4  # base64 in JSON in gzip in a PDF; deeper than that nobody has been seen to hide anything
_MOST_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a hunt found, and how much it saw."""

    hits: tuple[Hit, ...]
    unread: tuple[Unread, ...]  # parts that a reader could not read; their bytes were looked at
    files: int
    pictures: int  # that were read

    @property
    def tokens(self) -> frozenset[Token]:
        """Which tokens were found at all."""
        return frozenset(hit.token for hit in self.hits)


class Hunter:
    """Looks for tokens in files. One engine for many files; tokens are given for each hunt."""

    def __init__(self, *, sampling: Sampling | None = None, scales: Sequence[float] = reading.SCALES) -> None:
        """Read pictures as ``sampling`` says and at these ``scales``."""
        self._sampling = sampling or Sampling()
        self._reader = reading.PictureReader(scales=scales)

    def hunt(
        self,
        path: Path,
        tokens: Sequence[Token],
        *,
        moments: Sequence[float] = (),
        pictures: bool = True,
        shallow: Iterable[Path] = (),
        until_found: bool = False,
    ) -> Report:
        """Look through a file, or a folder with all that lies below it, names included.

        Args:
            path: what to look through; links are not followed.
            tokens: what to look for.
            moments: seconds at which something is known to have been shown in a recording.
            pictures: whether pictures are read; False where only bytes and fields are asked for.
            shallow: files and folders of which only names and plain bytes are looked at, because
                they are encrypted, and inflating noise takes long.
            until_found: whether the hunt may end as soon as each token was found somewhere.
        """
        search = _Search(
            tokens=tuple(tokens),
            needles=bytescan.Needles.of(tokens),
            forms=reading.Needles.of(tokens),
            sampling=replace(self._sampling, moments=(*self._sampling.moments, *moments)),
            reader=self._reader if pictures else None,
            until_found=until_found,
        )
        skipped = tuple(shallow)
        base = path if path.is_dir() else path.parent
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            search.look_at_name(file, base)
            if until_found and search.found_all():
                break
            if file.is_file() and not file.is_symlink():
                search.look_into(file, deep=not any(file.is_relative_to(place) for place in skipped))
        return search.report()


class _Search:
    """One hunt while it runs."""

    def __init__(
        self,
        *,
        tokens: tuple[Token, ...],
        needles: bytescan.Needles,
        forms: reading.Needles,
        sampling: Sampling,
        reader: reading.PictureReader | None,
        until_found: bool,
    ) -> None:
        self._tokens, self._until_found = frozenset(tokens), until_found
        self._needles, self._forms = needles, forms
        self._sampling, self._reader = sampling, reader
        self._hits: dict[tuple[Any, ...], Hit] = {}
        self._unread: list[Unread] = []
        self._files = self._pictures = 0
        self._read: set[tuple[str, bytes]] = set()  # file, digest of a picture that was read
        self._path = ""

    def report(self) -> Report:
        """What was found until now."""
        return Report(tuple(self._hits.values()), tuple(self._unread), self._files, self._pictures)

    def found_all(self) -> bool:
        """Whether there is no token left to be found."""
        return self._tokens <= {token for token, *_ in self._hits}

    def look_at_name(self, path: Path, base: Path) -> None:
        """Whether a token is in the name of the file, or of a folder on the way to it."""
        self._path = str(path)
        self._text("file name", path.relative_to(base).as_posix())

    def look_into(self, path: Path, *, deep: bool) -> None:
        """Look into one regular file."""
        self._path = str(path)
        self._files += 1
        if path.stat().st_size == 0:
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for start in range(0, len(data), _WINDOW):
                window = data[start : start + _WINDOW + _OVERLAP]
                if data[: len(SQLITE)] == SQLITE:
                    window = with_schema_apart(str(path), window)
                if deep:
                    self._bytes(f"bytes from {start}" if start else "bytes", window, _LAYERS)
                else:
                    self._plain("bytes", window, "")
            if not deep:
                return
            head = data[:_WINDOW]
            for piece in self._pieces(path, head):
                if self._until_found and self.found_all():
                    return
                if not _is_most_of(piece, head):
                    self._look(piece)

    def _pieces(self, path: Path, head: bytes) -> Iterator[Piece | Unread]:
        """What the readers of formats find; which reader is asked depends on the bytes alone."""
        if head.startswith(SQLITE):
            yield from row_pieces(str(path))
            return
        if b"%PDF-" in head[: 2**16]:
            yield from document_pieces(str(path), path.read_bytes())
            return
        picture = _picture_in(head)
        if picture is not None:
            yield picture
            return
        if _is_text(head):
            return  # its bytes say everything; FFmpeg would draw it as a film
        for box, time in box_times(path.read_bytes() if len(head) == _WINDOW else head):
            yield Piece(f"time in {box}", time)
        yield from media_pieces(str(path), self._sampling)

    def _look(self, piece: Piece | Unread) -> None:
        if isinstance(piece, Unread):
            self._unread.append(piece)
        elif isinstance(piece.data, str):
            self._text(piece.where, piece.data)
        elif isinstance(piece.data, bytes):
            self._bytes(piece.where, piece.data, _LAYERS)
        else:
            self._picture(piece.where, piece.data)

    def _text(self, where: str, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        for match in bytescan.scan(data, self._needles, noise=False):
            self._add(match.needle.token, where, "text", match.excerpt)
        self._layers(where, data, _LAYERS)

    def _bytes(self, where: str, data: bytes, layers: int, how: str = "") -> None:
        self._plain(where, data, how)
        self._layers(where, data, layers, how)

    def _plain(self, where: str, data: bytes, how: str) -> None:
        for match in bytescan.scan(data, self._needles):
            self._add(match.needle.token, where, how + match.needle.encoding, match.excerpt)

    def _layers(self, where: str, data: bytes, layers: int, how: str = "") -> None:
        """What is wrapped in the data; pictures in it are read as well."""
        if layers == 0:
            return
        if how or layers < _LAYERS:
            self._embedded_picture(where, data)
        for inner in unwrap(data, raw=not how):
            self._bytes(where, inner.data, layers - 1, f"{how}{inner.how}, ")

    def _embedded_picture(self, where: str, data: bytes) -> None:
        piece = _picture_in(data)
        if piece is not None:
            self._look(replace(piece, where=f"{where}, {piece.where}"))

    def _picture(self, where: str, picture: reading.Picture) -> None:
        if self._reader is None:
            return
        # The same picture is often found in several ways: as a stream, and as what a page shows.
        digest = hashlib.blake2b(repr(picture.shape).encode() + picture.tobytes()).digest()
        if (self._path, digest) in self._read:
            return
        self._read.add((self._path, digest))
        self._pictures += 1
        lines = self._reader.read(picture)
        for token, line in self._forms.found_in(lines):
            self._add(token, where, "ocr", line)

    def _add(self, token: Token, where: str, how: str, excerpt: str) -> None:
        hit = Hit(token, self._path, where, how, excerpt)
        self._hits.setdefault((token, self._path, where, how), hit)


def _is_most_of(piece: Piece | Unread, file: bytes) -> bool:
    """Whether the piece lies in the file as it is and is most of it, so that looking at both is the same.

    In a smaller piece, less counts as chance, and more is unwrapped.
    """
    data = piece.data if isinstance(piece, Piece) and isinstance(piece.data, bytes) else b""
    return len(data) > max(len(file) // 2, LARGEST_FOR_RAW) and data in file


def _is_text(head: bytes) -> bool:
    """Whether the file is text as people write it, in UTF-8."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _picture_in(data: bytes) -> Piece | None:
    """The still picture that the data is, if it is one."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > _MOST_PIXELS or image.format in (None, "MPEG"):
                return None
            return Piece(f"{image.format} picture", np.asarray(image.convert("RGB")))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
