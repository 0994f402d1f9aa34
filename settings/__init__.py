"""What a user edits: accounts and models as TOML, and the records that check them. `app.py` calls `load`."""

from settings.account import AccountSettings, QueueSettings
from settings.alarms import AccountAlarms, ModelAlarms
from settings.costs import CostSettings
from settings.data import ColumnRange, DataSettings
from settings.endpoint import EndpointSettings
from settings.errors import Problem, SettingsError
from settings.gate import GateSettings
from settings.loader import Settings, load
from settings.model import ModelSettings
from settings.network import NetworkSettings
from settings.promotion import APPROVAL
from settings.trigger import TriggerSettings
from settings.tuning import TuningRange, TuningSettings

__all__ = [
    "APPROVAL",
    "AccountAlarms",
    "AccountSettings",
    "ColumnRange",
    "CostSettings",
    "DataSettings",
    "EndpointSettings",
    "GateSettings",
    "ModelAlarms",
    "ModelSettings",
    "NetworkSettings",
    "Problem",
    "QueueSettings",
    "Settings",
    "SettingsError",
    "TriggerSettings",
    "TuningRange",
    "TuningSettings",
    "load",
]
