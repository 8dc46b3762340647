"""The JSON API: how often a key may call, and what drf-spectacular's own command describes."""

from config.environment import env
from teams.api.description_settings import SETTINGS

API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", 120)
SPECTACULAR_SETTINGS = SETTINGS
