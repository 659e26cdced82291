"""The quality benchmark: what the SGAN, its peers and each of its parts are worth on real rows."""

import os

# As in `pipeline.__main__`; read when the libraries are loaded, so it stands before all imports.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
