"""The log of one Lambda invocation: on its way to CloudWatch Logs, and its tail for `LogType=Tail`."""

from __future__ import annotations

from dataclasses import dataclass, field

from millrace.local.cloudwatch_logs import LogStream

TAIL_BYTES = 4096


@dataclass
class Transcript:
    """Collects lines; each goes to the log stream as soon as it is complete."""

    stream: LogStream
    written: list[str] = field(default_factory=list)
    rest: bytes = b""

    def line(self, text: str) -> None:
        self.written.append(text)
        self.stream.write(text)

    def feed(self, output: bytes) -> None:
        """Take raw output of the process."""
        *lines, self.rest = (self.rest + output).split(b"\n")
        for line in lines:
            self.line(line.decode(errors="replace"))

    def finish(self) -> None:
        """Take a last line that has no end."""
        if self.rest:
            self.feed(b"\n")

    def tail(self) -> bytes:
        return "".join(f"{line}\n" for line in self.written).encode()[-TAIL_BYTES:]

    def report(self, request_id: str, *, seconds: float, init: float, memory: int, peak: int) -> None:
        """The two lines with which Lambda ends every invocation."""
        milliseconds = seconds * 1000
        self.finish()
        self.line(f"END RequestId: {request_id}")
        self.line(
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {memory} MB\tMax Memory Used: {peak} MB"
            + (f"\tInit Duration: {init * 1000:.2f} ms" if init else "")
        )
