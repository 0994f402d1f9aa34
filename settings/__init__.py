"""What a user edits: accounts and models as TOML, and the records that check them. `app.py` calls `load`."""

from settings.account import AccountSettings, QueueSettings
from settings.alarms import AccountAlarms, ModelAlarms
from settings.errors import Problem, SettingsError
from settings.loader import Settings, load
from settings.model import ModelSettings
from settings.trigger import TriggerSettings

__all__ = [
    "AccountAlarms",
    "AccountSettings",
    "ModelAlarms",
    "ModelSettings",
    "Problem",
    "QueueSettings",
    "Settings",
    "SettingsError",
    "TriggerSettings",
    "load",
]
