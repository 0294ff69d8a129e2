"""Looking at the engine from outside: explain, detect_anomaly, summary, and their Observer.

They attach to `minigrad.grad_mode.mode.observer`, and explain also to `Conversions.html_page`.
Nothing in the engine or in nn depends on them.
"""

from minigrad.inspect.anomaly import detect_anomaly
from minigrad.inspect.explain import explain
from minigrad.inspect.observer import Observer, Origin, skip_frames_of
from minigrad.inspect.summary import summary
