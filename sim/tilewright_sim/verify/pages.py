"""A report as JUnit XML, and as one HTML file that opens offline."""

import os
from collections import Counter
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from .report import Report, VerifiedTest
from .rtl_coverage import KINDS, Covered, covered, totals

__all__ = ["junit", "page"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
td.number { text-align: right; }
.failed, .not.run { background: #fbe3e6; }
.passed td:nth-child(2) { color: #1a7f37; }
.skipped { color: #666; }
code { background: #f3f3f3; padding: 0 .2rem; }
"""


def junit(report: Report) -> bytes:
    """Return the report as JUnit XML."""
    root = ElementTree.Element("testsuites")
    counts = Counter(test.status for test in report.tests)
    suite = ElementTree.SubElement(
        root, "testsuite", name=f"tilewright {report.core} on {report.simulator}", tests=str(len(report.tests)),
        failures=str(len(report.failures)), skipped=str(counts["skipped"]),
        time=f"{sum(test.seconds for test in report.tests):.3f}",
    )  # fmt: skip
    for test in report.tests:
        case = ElementTree.SubElement(
            suite, "testcase", classname=report.core, name=test.name, time=f"{test.seconds:.3f}"
        )
        values = {"seed": test.seed, "cycles": test.cycles} | ({"waveform": test.waveform} if test.waveform else {})
        properties = ElementTree.SubElement(case, "properties")
        for name, value in values.items():
            ElementTree.SubElement(properties, "property", name=name, value=str(value))
        if test.failed or test.status == "skipped":
            ElementTree.SubElement(case, "failure" if test.failed else "skipped", message=_printable(test.message))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def page(report: Report, folder: Path, again: list[str]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report : Report
    folder : Path
        Where the page will be: links to logs and waveforms are relative to it.
    again : list of str
        The commands that repeat the failures.
    """
    title = f"{report.core} on {report.simulator}"
    fields = ", ".join(f"{name} = {value}" for name, value in report.config.items())
    rows = "".join(_row(test, folder) for test in report.tests)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Target {report.target}, effort {report.effort}: {escape(report.summary)}.</p>",
        f"<p><code>{escape(fields)}</code></p>",
        *(f"<p>Repeat: <code>{escape(command)}</code></p>" for command in again),
        "<h2>Tests</h2><table><tr>",
        *(f"<th>{heading}</th>" for heading in ("test", "result", "seed", "cycles", "seconds", "reason", "files")),
        f"</tr>{rows}</table>",
        *(["<h2>Functional coverage</h2>", _coverage(report)] if report.coverage else []),
        *(["<h2>Coverage of the Verilog</h2>", _rtl(report)] if report.rtl else []),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _row(test: VerifiedTest, folder: Path) -> str:
    links = " ".join(
        f'<a href="{escape(os.path.relpath(path, folder.absolute()))}">{name}</a>'
        for name, path in (("log", test.log), ("waveform", test.waveform))
        if path
    )
    return (
        f'<tr class="{test.status}"><td>{escape(test.name)}</td><td>{test.status}</td>'
        f'<td class="number">{test.seed}</td><td class="number">{test.cycles:,}</td>'
        f'<td class="number">{test.seconds:.1f}</td><td>{escape(test.message)}</td><td>{links}</td></tr>\n'
    )


def _coverage(report: Report) -> str:
    """The bins of each group, and how often each was met."""
    groups: dict[str, list[str]] = {}
    for name, count in sorted(report.coverage.items()):
        group, _, value = name.partition(": ")
        groups.setdefault(group, []).append(f"{value} ({count:,})")
    rows = "".join(
        f"<tr><td>{escape(group)}</td><td>{escape(', '.join(bins))}</td></tr>" for group, bins in groups.items()
    )
    return f"<table><tr><th>group</th><th>bins met</th></tr>{rows}</table>"


def _rtl(report: Report) -> str:
    """What was reached of each module."""
    found = covered(report.rtl)
    rows = "".join(
        f"<tr><td>{escape(module)}</td>"
        + "".join(f'<td class="number" title="{escape(_missed(kinds[kind]))}">{kinds[kind]}</td>' for kind in KINDS)
        + "</tr>"
        for module, kinds in [*found.items(), ("all", totals(found))]
    )
    headings = "".join(f"<th>{heading}</th>" for heading in ("module", "lines", "branches", "toggles"))
    return f"<p>Point at a figure to see what is missing.</p><table><tr>{headings}</tr>{rows}</table>"


def _missed(found: Covered) -> str:
    missed = [f"line {point.line} {point.detail}" for point in found.missed]
    return ", ".join([*missed[:40], *(["…"] if len(missed) > 40 else [])])


def _printable(text: str) -> str:
    """The text without characters that XML does not have."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
