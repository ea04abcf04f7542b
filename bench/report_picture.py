"""The README's picture of a report: `python -m bench.report_picture audit.html [docs/images/report.png]`.

Opens the page in headless Chromium, photographs it, and keeps its top. Needs `chromium` on the PATH.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def photograph(page: Path, picture: Path, *, width: int, height: int, scale: float) -> None:
    """Write the top `height` CSS pixels of a page as PNG, in 256 colors: it lives in a repository."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} found. Install one to take the picture.")
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        shot = Path(profile) / "shot.png"
        command = [
            browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}",
            f"--force-device-scale-factor={scale}", f"--screenshot={shot}", page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(shot) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(
                picture, optimize=True
            )


def main() -> None:
    """Read the command line and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="a report written by write_html")
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images/report.png"))
    parser.add_argument("--width", type=int, default=1140)
    parser.add_argument("--height", type=int, default=2050)
    parser.add_argument("--scale", type=float, default=1.25)
    given = parser.parse_args()
    if not given.page.exists():
        sys.exit(f"{given.page}: no such file. Write one with `synthema demo` or write_html.")
    size = {"width": given.width, "height": given.height, "scale": given.scale}
    photograph(given.page, given.picture, **size)
    print(given.picture, f"{given.picture.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
