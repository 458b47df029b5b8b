#!/usr/bin/env python3
"""kelp-proxy by itself: names, rules, relays, clients that ask, and its walls."""

import scene

import lookups  # noqa: F401  (each registers its cases)
import relays  # noqa: F401
import clients  # noqa: F401
import walls  # noqa: F401

scene.run()
