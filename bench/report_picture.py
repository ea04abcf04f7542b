"""The README's picture of a report: `python -m bench.report_picture audit.html`.

Photographs two excerpts of the page in headless Chromium and sets them side by side: the summary,
and what a clinician looks at first. Needs `chromium` on the PATH.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1090  # CSS pixels of one excerpt
TALLEST = 4000
EXCERPTS = (
    "section:not(#summary), nav, footer { display: none }",
    """header, footer, section:not(#membership, #exposure, #columns, #survival), section > p,
    details, .note, h3, section > .scroll, #membership figcaption, #survival figcaption ~ figcaption
    { display: none }
    #membership > .scroll:has(.attacks), .trio h3 { display: block }
    .trio tr:nth-child(n + 6) { display: none }
    section { border: 0; margin: 0; padding: 1rem 0 0 }
    .grid figure:nth-child(n + 9), .pair figure:nth-child(n + 3) { display: none }""",
)


def photograph(page: str, style: str, *, browser: str, scale: float) -> Image.Image:
    """The page with `style` added, without the empty margin below it."""
    with tempfile.TemporaryDirectory() as folder:
        copy, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        copy.write_text(page.replace("</head>", f"<style>{style}</style></head>"), encoding="utf-8")
        command = [
            browser, *FLAGS, f"--user-data-dir={folder}", f"--window-size={WIDTH},{TALLEST}",
            f"--force-device-scale-factor={scale}", f"--screenshot={shot}", copy.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(shot) as opened:
            image = opened.convert("RGB")
    inked = ImageChops.invert(image).getbbox()
    return image.crop((0, 0, image.width, inked[3])) if inked else image


def main() -> None:
    """Read the command line and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="a report written by write_html")
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images/report.png"))
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per CSS pixel")
    given = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} found. Install one to take the picture.")
    if not given.page.exists():
        sys.exit(f"{given.page}: no such file. Write one with `synthema demo` or write_html.")
    page = given.page.read_text(encoding="utf-8")
    parts = [photograph(page, s, browser=browser, scale=given.scale) for s in EXCERPTS]
    margin = round(20 * given.scale)
    size = (sum(part.width for part in parts), max(part.height for part in parts) + margin)
    whole = Image.new("RGB", size, "white")
    for i, part in enumerate(parts):
        whole.paste(part, (sum(other.width for other in parts[:i]), 0))
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    # 128 colors: the picture lives in the repository
    whole.quantize(128).save(given.picture, optimize=True)
    print(given.picture, f"{given.picture.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
