"""The page that shows a recording of a run: a timeline with a scrubber, and the program as it was at each moment.

=====================  ============================================================================================
``document``           one self-contained HTML file of a recording
``summary_sentences``  what happened, in a few sentences, for a first look at such a page
``static_tables``      the tables that are there without JavaScript: units, events, advice
``recorded``           what Python reads of a recording: names, states, numbers as text
``page.html``          the document, with gaps
``styles``             its style sheets, joined in the order of ``document.STYLES``
``scripts``            its JavaScript modules, joined in the order of their imports: pure functions first, then views
=====================  ============================================================================================

It knows no engine and no language, only the format of recordings ("kaleido-recording", version 1). A live session
feeds the same page: :func:`document` takes the panels, styles and scripts of its own that it adds.
"""

from __future__ import annotations

from kaleido.page.document import LiveParts, document
from kaleido.page.summary_sentences import summary

__all__ = ["LiveParts", "document", "summary"]
