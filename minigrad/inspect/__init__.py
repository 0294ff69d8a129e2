"""What looks at the engine from outside: explain, the observer, detect_anomaly, summary."""

from minigrad.inspect.anomaly import detect_anomaly
from minigrad.inspect.explain import explain
