"""The drawings of `utils.drawing` among the outputs of a notebook: inline SVG with a title and a description."""

import base64
import html
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from nbformat import NotebookNode

SVG = "{http://www.w3.org/2000/svg}"
# As an image a drawing knows nothing of the page: it brings black on white.
IMAGE_COLOURS = "background:#fff;color:#000;"
# What a script of the site would read (utils/exploring.py); no script reads an image.
NUMBERS = re.compile(r' data-(?:explore|numbers)="[^"]*"')


@dataclass(frozen=True)
class StoredDrawing:
    """A drawing as an output holds it.

    Attributes:
        name: of the figure; its ids begin with it.
        title: what it shows.
        description: the finding.
        svg: the SVG text.
        has_links: whether its parts are links (role "group"); readers then hear the parts, not one picture.
    """

    name: str
    title: str
    description: str
    svg: str
    has_links: bool = False

    def as_image(self) -> str:
        """Return an `<img>` of it, for viewers that remove inline SVG from notebooks which they do not trust."""
        coloured = NUMBERS.sub("", self.svg, count=2).replace('style="', f'style="{IMAGE_COLOURS}', 1)
        data = base64.b64encode(coloured.encode()).decode()
        alt = html.escape(f"{self.title}. {self.description}")
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}" style="max-width:100%">'


def has_svg(output: NotebookNode) -> bool:
    """Return whether an output holds inline SVG."""
    return "<svg" in output.get("data", {}).get("text/html", "")


def read_drawing(output: NotebookNode) -> StoredDrawing:
    """Return the drawing that an output with inline SVG holds.

    Raises:
        ValueError: the output is not one drawing with role, title and description; the message says what is wrong.
    """
    text = output.data["text/html"]
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"is not one well-formed element ({error})") from error
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    if root.tag != f"{SVG}svg" or title is None or description is None:
        raise ValueError("is not an <svg> with <title> and <desc>")
    role = "group" if root.find(f".//{SVG}a") is not None else "img"
    if root.get("role") != role:
        raise ValueError(f"has the role {root.get('role')!r}, not {role!r}")
    if root.get("aria-labelledby") != f"{title.get('id')} {description.get('id')}":
        raise ValueError("is not named by its title and description (aria-labelledby)")
    name = title.get("id", "").removesuffix("-title")
    return StoredDrawing(name, title.text or "", description.text or "", text, has_links=role == "group")
