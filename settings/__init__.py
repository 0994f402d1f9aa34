"""What a user edits: accounts and models as TOML, and the records that check them. `app.py` calls `load`."""

from settings.account import AccountSettings, QueueSettings
from settings.errors import Problem, SettingsError
from settings.loader import Settings, load
from settings.model import ModelSettings

__all__ = [
    "AccountSettings",
    "ModelSettings",
    "Problem",
    "QueueSettings",
    "Settings",
    "SettingsError",
    "load",
]
