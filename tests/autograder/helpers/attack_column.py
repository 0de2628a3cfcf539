"""``python attack_column.py LEVEL``: try at one level all attacks that it claims to contain, four at a time.

Prints one JSON object: attack -> [how it ended, "" or what went wrong].
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from attack_arena import ATTACKS, Arena, Attack, claims, open_vault

from autograder.sandbox.levels import Level

AT_A_TIME = 4


def main(level: Level) -> dict[str, tuple[str, str]]:
    own = threading.local()
    attacks = [attack for attack in ATTACKS if claims(level, attack)]
    with open_vault(level) as vault, ThreadPoolExecutor(AT_A_TIME) as pool:

        def one(attack: Attack) -> tuple[str, str]:
            try:
                if getattr(own, "arena", None) is None:
                    own.arena = Arena(vault, vault.zygote.connect())
                return own.arena.attack(attack), ""
            except BaseException as error:
                own.arena = None  # what comes next starts afresh
                return "", f"{type(error).__name__}: {error}"

        return dict(zip(map(str, attacks), pool.map(one, attacks), strict=True))


if __name__ == "__main__":
    print(json.dumps(main(Level(sys.argv[1]))))
