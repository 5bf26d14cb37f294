"""The progress bar of an import: frames, speed and remaining time, drawn on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from endoreg_db.cli.output import Output, printable
from endoreg_db.deid.messages import Finding, Message, Probed, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import Task

#: Room for the file's name (columns); the rest of an 80-column line belongs to the figures.
_NAME_COLUMNS = 16

_STAGES = {
    "probe": "looking",
    "encode": "blanking",
    "join": "joining",
    "read": "reading",
    "find": "finding",
    "rebuild": "rebuilding",
    "verify": "checking",
}
_OF_REPORTS = frozenset({"read", "find", "rebuild"})


class Silent:
    """No bar: nobody looks, or nobody wants one."""

    def on_message(self, message: Message) -> None:
        """Draw nothing."""

    @contextmanager
    def file(self, path: Path) -> Iterator[None]:
        """Draw nothing while a file is imported."""
        yield


class Drawn:
    """A bar for the file that is being imported; it vanishes when the file is done."""

    def __init__(self, output: Output, console: Console) -> None:
        self._output = output
        self._console = console
        self._bar: Bar | None = None
        self._stage: str | None = None

    @contextmanager
    def file(self, path: Path) -> Iterator[None]:
        """Show a bar as long as the block runs."""
        # Our own lines step aside by ``error_lines_to``; rich would also catch what others print,
        # and move a redirected standard output to the terminal.
        bar = _bar(self._console)
        name = _shortened(printable(path.name), _NAME_COLUMNS)
        with bar, self._output.error_lines_to(self._print_above):
            bar.add_task(name, total=None, stage="waiting", frame_rate=None, unit="frames")
            self._bar, self._stage = bar, None
            try:
                yield
            finally:
                self._bar = None

    def on_message(self, message: Message) -> None:
        """Draw what the cell reports."""
        if self._bar is None:
            return
        (task,) = self._bar.task_ids
        if isinstance(message, Probed):
            rate = message.facts.frame_rate
            self._bar.update(task, frame_rate=None if rate is None else float(rate))
        elif isinstance(message, Progress):
            if message.stage != self._stage:  # another stage, another speed
                self._stage = message.stage
                fields = {**self._bar.tasks[0].fields, "stage": _STAGES[message.stage]}
                if message.stage in _OF_REPORTS:
                    fields["unit"] = "pages"
                self._bar.reset(task, total=message.total, **fields)
            self._bar.update(task, completed=message.done, total=message.total)
        elif isinstance(message, Finding) and message.severity != "note":
            self._print_above(f"note: {printable(message.detail)}")

    def _print_above(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def progress_for(output: Output) -> Silent | Drawn:
    """A bar when a person sits at a terminal, else none."""
    flags = output.flags
    if flags.as_json or flags.quiet or not output.stderr.isatty():
        return Silent()
    from rich.console import Console

    console = Console(file=output.stderr)
    # A dumb terminal cannot take back what it has drawn.
    return Silent() if console.is_dumb_terminal else Drawn(output, console)


def _bar(console: Console) -> Bar:
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column
    from rich.text import Text

    times = "×" if console.encoding.lower().startswith("utf") else "x"

    class Figures(TextColumn):
        """Frames done, and how quickly: per second, and in multiples of the recording's own speed."""

        def render(self, task: Task) -> Text:
            # rich knows a speed only after its second sample, and a short stage has but one.
            speed = task.speed or (task.completed / task.elapsed if task.elapsed else None)
            rate, unit = task.fields["frame_rate"], task.fields["unit"]
            return Text(figures(task.completed, task.total, speed, rate, times, unit))

    return Bar(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[stage]}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None),
        Figures("", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )


def figures(
    done: float,
    total: float | None,
    speed: float | None,
    frame_rate: float | None,
    times: str = "×",
    unit: str = "frames",
) -> str:
    """Frames (or pages) done of all, frames per second, and how that compares to the recording's own speed.

    Args:
        done: frames.
        total: frames; None where unknown.
        speed: frames per second; None before it is known.
        frame_rate: of the recording, frames per second; None where unknown.
        times: the multiplication sign, as far as the terminal has one.
        unit: what is counted.
    """
    parts = [f"{done:.0f}/{total:.0f} {unit}" if total else f"{done:.0f} {unit}"]
    if speed:
        parts.append(f"{speed:.0f}/s")
        if frame_rate:
            parts.append(f"{speed / frame_rate:.1f}{times}")
    return " ".join(parts)


def _shortened(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 7]}...{text[-4:]}"
