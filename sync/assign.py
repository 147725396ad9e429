"""Give every person a segment and a persona, as of one moment, and keep only what changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS
from sync.workbench import Workbench, recorded
