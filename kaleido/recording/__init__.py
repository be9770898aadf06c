"""Recordings: what an engine did, as data for pages and texts. For any language on ``kaleido.jit``.

================  =====================================================================================
``recorder``      listens to an engine; its history as data
``unit_history``  units, their versions and their machine code, from events
``sources``       the texts of a recording, and places in them
``sentences``     a sentence for each event
``plain_page``    a recording as a page of tables
``producer``      the versions of what has made a recording
================  =====================================================================================
"""

from kaleido.recording.recorder import Recorder
from kaleido.recording.unit_history import Description

__all__ = ["Description", "Recorder"]
