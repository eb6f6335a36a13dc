"""How results show themselves in notebooks."""

from __future__ import annotations

import html
from typing import Any


def frame(rows: list[dict[str, Any]]) -> Any:
    """A pandas DataFrame where pandas is installed, else the rows."""
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)


def framed(page: str, text: str) -> str:
    """A page in a frame of its own, so that neither its styles nor the notebook's touch the other; `text` is for who shows no frames."""
    source = html.escape(page, quote=True)
    return f'<iframe srcdoc="{source}" style="width: 100%; height: 48rem; border: 1px solid #ddd"><pre>{html.escape(text)}</pre></iframe>'
