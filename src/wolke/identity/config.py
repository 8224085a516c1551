"""Identity's options."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class IdentityConfig:
    token_lifetime_s: int = option(3600 * 8, "How long a token is valid.")
    allow_expired_window_s: int = option(
        172_800, "How long after its end a service may still validate a user's token (?allow_expired)."
    )
    keys_dir: str = option(
        "", "Directory of the keys that tokens and credentials are sealed with; empty: 'keys' in the state directory."
    )
    max_active_keys: int = option(3, "How many token keys are kept by a rotation, the staged one included; at least 2.")
    token_cache_size: int = option(8192, "How many verified tokens are remembered.")
    token_cache_check_s: float = option(
        1.0, "How long at most a controller believes its remembered tokens without asking the database for changes."
    )
    min_password_length: int = option(1, "Shorter passwords are refused.")
    hash_memory_kib: int = option(19_456, "Memory that argon2id uses for one password.")
    hash_rounds: int = option(2, "Rounds that argon2id makes for one password.")
    hash_threads: int = option(2, "How many passwords are hashed at once.")
    hash_queue: int = option(256, "How many password checks may wait; beyond that the answer is 503.")
    list_limit: int = option(5000, "Most entries in one list; a longer list says so and links to its next page.")
    max_project_depth: int = option(5, "How deep projects may stand below each other, their domain included.")
    max_application_credentials: int = option(1000, "Most application credentials of one user; -1: any number.")
