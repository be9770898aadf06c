"""Recordings: what an engine did, as data for pages and texts. For any language on ``kaleido.jit``.

================  =====================================================================================
``recorder``      listens to an engine; its history as data
``unit_history``  units, their versions and their machine code, from events
``counters``      the counters of units, and the records of their stubs, over time
``sampled``       where the time went: samples by unit and tier
``jumps``         the jump of a call, before and after
``account``       where the time of a run went by the clock, in parts that add up to it
``advice``        what it says about the program, in words
``event_data``    an event as data
``redefinitions`` what each has deoptimized, and what that has cost
``sources``       the texts of a recording, and places in them
``sentences``     a sentence for each event
``additions``     what is new since the last time, for a reader of a recording that goes on
``foreign``       recordings of other programs, which write events alone
``bounded``       lists that stay small
``ticker``        the thread that looks at the counters
``producer``      the versions of what has made a recording
================  =====================================================================================
"""

from kaleido.recording.advice import advice
from kaleido.recording.foreign import read
from kaleido.recording.recorder import Recorder
from kaleido.recording.unit_history import Description

__all__ = ["Description", "Recorder", "advice", "read"]
