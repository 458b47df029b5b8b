"""Draws the medians as horizontal bars, in SVG that reads on light and on dark ground."""

from html import escape

WIDTH = 760
LABEL = 190  # where the bars begin
ROOM = 90  # right of the longest bar, for its number
BAR = 18
STEP = 28

LABELS = {"bwrap": "bwrap, the same view", "bwrap, a bare view": "bwrap, one bind of /"}

# kelp in its own colour, its peers in a quiet one, what is no sandbox in outline
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 14px }
  .note { font-size: 11px }
  .own { fill: #1a7f5a; font-weight: 600 }
  .bar { fill: #9aa4af }
  .bar.kelp { fill: #1f9d6f }
  .bar.floor { fill: none; stroke: #9aa4af; stroke-dasharray: 3 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9da7b3 }
    .own { fill: #3fc890 }
    .bar { fill: #59636e }
    .bar.kelp { fill: #2fb583 }
    .bar.floor { stroke: #7d8794 }
  }
"""


def text(x, y, content, css="", anchor="start"):
    css = f' class="{css}"' if css else ""
    return f'<text x="{x}" y="{y}"{css} text-anchor="{anchor}">{escape(content)}</text>'


def bar(y, length, css):
    return (f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" '
            f'class="bar {css}"/>')


def draw_group(title, rows, top):
    longest = max(row["median_ms"] for row in rows.values())
    scale = (WIDTH - LABEL - ROOM) / longest
    parts = [text(0, top + 14, title, "title")]
    y = top + 28
    for name, row in rows.items():
        css = name if name in ("kelp", "floor") else ""
        own = "own" if name == "kelp" else ""
        length = max(row["median_ms"] * scale, 1.5)
        parts.append(text(LABEL - 10, y + 14, LABELS.get(name, name), own, "end"))
        parts.append(bar(y, length, css))
        parts.append(text(LABEL + round(length) + 8, y + 14, f"{row['median_ms']:.1f} ms", own))
        y += STEP
    return parts, y


def draw(rows, groups, machine):
    """The SVG for {(group, name): {"median_ms": ...}}; fastest first within each group."""
    parts, y = [], 6
    for group, title in groups.items():
        members = {name: row for (of, name), row in rows.items() if of == group and name != "true"}
        members = dict(sorted(members.items(), key=lambda item: item[1]["median_ms"]))
        if not members:
            continue
        drawn, y = draw_group(f"start, run true, end: {title}", members, y)
        parts += drawn
        y += 14
    parts.append(text(0, y + 6, f"median wall time; shorter is better; {machine}", "note"))
    parts.append(text(0, y + 22, "floor: the system calls that the launch cannot do without, and "
                      "nothing else", "note"))
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 0 {WIDTH + 16} {y + 30}" '
            f'width="{WIDTH + 16}" height="{y + 30}" role="img">\n<title>Time to run true in a sandbox'
            f'</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n')
