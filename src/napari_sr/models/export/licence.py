"""Licences and citations as other collections name them."""

from __future__ import annotations

import re

#: licences by how people write them; the collections know them by their SPDX names (https://spdx.org/licenses)
SPDX = (
    "0BSD", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0",
    "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-4.0", "CC0-1.0",
    "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-3.0-only",
    "LGPL-3.0-or-later", "MIT", "MPL-2.0", "Unlicense",
)  # fmt: skip
ALSO_CALLED = {
    "cc0": "CC0-1.0", "gpl3": "GPL-3.0-only", "gplv3": "GPL-3.0-only", "gpl30": "GPL-3.0-only",
    "apache2": "Apache-2.0", "bsd3": "BSD-3-Clause", "bsd2": "BSD-2-Clause",
}  # fmt: skip
DOI = re.compile(r"\b10\.\d{4,9}/[^\s;,)]+", re.IGNORECASE)
ARXIV = re.compile(r"arXiv:\s*(\d{4}\.\d{4,5})", re.IGNORECASE)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def spdx(licence: str) -> str:
    """Return the SPDX name of a licence; empty if it has none, or none that is known here.

    What stands behind a bracket, a comma or a semicolon is a remark, not the name: ``BSD-3-Clause (weights)``.
    """
    name = _plain(re.split(r"[(,;]", licence, maxsplit=1)[0])
    known = {_plain(one): one for one in SPDX} | ALSO_CALLED
    return known.get(name, "")


def citations(text: str) -> list[tuple[str, str]]:
    """Return the works in a card's line of citations or attribution, as (text, DOI); an empty DOI if there is none.

    Works are parted by semicolons; papers on arXiv have DOIs too.
    """
    found = []
    for work in (w.strip() for w in text.split(";")):
        if not work:
            continue
        doi, arxiv = DOI.search(work), ARXIV.search(work)
        name = doi[0].rstrip(".") if doi else f"10.48550/arXiv.{arxiv[1]}" if arxiv else ""
        found.append((work, name))
    return found
