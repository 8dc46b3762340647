"""Guessing passwords: who is locked out, where, for how long, and how that cannot be got round."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from config.environment import BASE_DIR
from tests.signin.people import OTHER, code, is_in, sign_in, sure, with_app
from tests.signin.test_passwords import new_password

pytestmark = pytest.mark.once

LIMIT = 5


def guess(name: str, times: int, **headers: Any) -> list[int]:
    """Guess the password of ``name`` so often; return how each was answered."""
    return [sign_in(name, OTHER, **headers)[1].status_code for _ in range(times)]


def test_so_many_failures_lock_and_the_page_says_for_how_long(ana: Any) -> None:
    assert guess("ana", LIMIT) == [200] * (LIMIT - 1) + [429]
    client, answer = sign_in("ana")
    assert answer.status_code == 429
    assert answer["Retry-After"] == str(15 * 60)
    assert "Wait 15 minutes" in answer.content.decode()
    assert not is_in(client)


def test_waiting_does_not_start_anew_and_ends(ana: Any) -> None:
    guess("ana", LIMIT)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=10))
    assert "Wait 5 minutes" in sign_in("ana")[1].content.decode()
    assert guess("ana", 3) == [429] * 3
    assert "Wait 5 minutes" in sign_in("ana")[1].content.decode()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert is_in(sign_in("ana")[0])


def test_without_the_lock_guessing_goes_on(ana: Any, settings: Any) -> None:
    settings.AXES_ENABLED = False
    assert guess("ana", LIMIT) == [200] * LIMIT
    assert is_in(sign_in("ana")[0])


def test_a_name_that_does_not_exist_is_locked_the_same(db: Any) -> None:
    assert guess("nobody", LIMIT + 1) == [200] * (LIMIT - 1) + [429] * 2


def test_writing_the_name_otherwise_does_not_start_anew(ana: Any) -> None:
    names = ("ana@", "Ana@", "ANA@", " aNa@", "anA@")
    assert [guess(f"{name}People.example", 1) for name in names][-1] == [429]


def test_others_and_other_places_are_not_locked(ana: Any, bob: Any) -> None:
    guess("ana", LIMIT)
    assert is_in(sign_in("bob")[0])
    assert is_in(sign_in("ana", client=Client(REMOTE_ADDR="10.9.9.9"))[0])


def test_the_success_of_another_login_clears_nothing(ana: Any, bob: Any) -> None:
    guess("ana", LIMIT - 1)
    assert is_in(sign_in("bob")[0])
    assert guess("ana", 1) == [429]


def test_it_would_if_only_the_client_were_counted(ana: Any, bob: Any, settings: Any) -> None:
    settings.AXES_LOCKOUT_PARAMETERS = ["ip_address"]
    guess("ana", LIMIT - 1)
    assert is_in(sign_in("bob")[0])
    assert guess("ana", 1) == [200]


def test_one_s_own_success_clears_one_s_own_failures(ana: Any) -> None:
    for _ in range(2):
        guess("ana", LIMIT - 1)
        assert is_in(sign_in("ana")[0])


def spoofed(number: int) -> dict[str, str]:
    return {"HTTP_X_FORWARDED_FOR": f"203.0.113.{number}"}


def test_a_forged_address_does_not_start_anew(ana: Any) -> None:
    assert [guess("ana", 1, **spoofed(n)) for n in range(LIMIT)][-1] == [429]
    cache.clear()
    AccessAttempt.objects.all().delete()
    asked = [Client().post("/sign-in/login/", **spoofed(n)).status_code for n in range(31)]
    assert asked[-1] == 429


def test_it_would_if_the_header_were_believed(ana: Any, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert [guess("ana", 1, **spoofed(n)) for n in range(LIMIT)] == [[200]] * LIMIT


def test_behind_a_proxy_only_what_the_proxy_added_counts(ana: Any, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(LIMIT):
        header = f"203.0.113.{number}, 198.51.100.7"
        last = guess("ana", 1, HTTP_X_FORWARDED_FOR=header)
    assert last == [429]
    assert is_in(sign_in("ana", HTTP_X_FORWARDED_FOR="198.51.100.8")[0])


def test_a_network_of_ipv6_is_one_client(ana: Any) -> None:
    answers = [
        sign_in("ana", OTHER, client=Client(REMOTE_ADDR=f"2001:db8::{n + 1}"))[1].status_code
        for n in range(LIMIT)
    ]
    assert answers[-1] == 429


def test_guessing_from_everywhere_is_limited_too(ana: Any) -> None:
    for number in range(50):
        client = Client(REMOTE_ADDR=f"10.0.{number}.1", HTTP_HOST=f"localhost:{number + 1}")
        assert sign_in("ana", OTHER, client=client)[1].status_code == 200
    client, answer = sign_in("ana", client=Client(REMOTE_ADDR="10.1.1.1"))
    assert "Wait an hour" in answer.content.decode()
    assert not is_in(client)


def test_without_that_limit_it_goes_on(ana: Any, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": None}
    for number in range(51):
        sign_in("ana", OTHER, client=Client(REMOTE_ADDR=f"10.0.{number}.1"))
    assert is_in(sign_in("ana", client=Client(REMOTE_ADDR="10.1.1.1"))[0])


def test_one_client_alone_cannot_lock_a_login_everywhere(ana: Any) -> None:
    guess("ana", 60)
    assert is_in(sign_in("ana", client=Client(REMOTE_ADDR="10.1.1.1"))[0])


def test_asking_again_who_one_is_cannot_be_guessed_either(ana: Any) -> None:
    client, _ = sign_in("ana")
    wrong = [client.post("/sign-in/reauthenticate/", {"password": OTHER}) for _ in range(LIMIT)]
    assert wrong[-1].status_code == 429


def test_codes_cannot_be_guessed(ana: Any) -> None:
    secret = with_app(ana)
    client, _ = sign_in("ana")
    for number in range(21):
        page = client.post("/sign-in/2fa/authenticate/", {"code": f"{number:06}"})
    assert "too many tries" in page.content.decode()
    client.post("/sign-in/2fa/authenticate/", {"code": code(secret)})
    assert not is_in(client)


def test_passwords_and_names_are_not_kept_with_the_failures(ana: Any) -> None:
    guess("ana", 1)
    [row] = AccessAttempt.objects.values()
    kept = json.dumps(row["post_data"] + row["get_data"])
    assert OTHER not in kept
    assert "ana" not in kept


def test_failures_are_counted_in_the_database_by_all_processes(ana: Any) -> None:
    guess("ana", 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM config_cache")
        [counted] = cursor.fetchone()
    assert counted >= 2
    assert AccessAttempt.objects.count() == 1


@pytest.mark.parametrize("proxies", ["0", "2"])
def test_one_setting_says_how_many_proxies_are_believed(proxies: str) -> None:
    program = (
        "import django; django.setup(); from allauth import app_settings as a;"
        "from django.conf import settings as s;"
        "print(a.TRUSTED_PROXY_COUNT, s.AXES_CLIENT_IP_CALLABLE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BASE_DIR,
        env={"DJANGO_SETTINGS_MODULE": "config.settings.dev", "TRUSTED_PROXIES": proxies},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [proxies, "config.lockout.client_address"]


def test_a_reset_ends_the_lock_of_that_login(ana: Any, bob: Any) -> None:
    guess("ana", LIMIT)
    guess("bob", LIMIT)
    new_password(ana, OTHER)
    assert is_in(sign_in("ana", OTHER)[0])
    assert sign_in("bob")[1].status_code == 429


def test_whoever_is_asked_again_and_right_goes_on(ana: Any) -> None:
    client, _ = sign_in("ana")
    assert client.get("/sign-in/2fa/totp/activate/").status_code == 302
    assert sure(client).get("/sign-in/2fa/totp/activate/").status_code == 200


@pytest.mark.parametrize("typed", ["ana", "Ana@people.example"])
def test_a_reset_also_ends_the_limit_that_counts_from_everywhere(
    ana: Any, settings: Any, typed: str
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/h/key"}
    for number in range(3):
        sign_in(typed, OTHER, client=Client(REMOTE_ADDR=f"10.0.{number}.1"))
    assert not is_in(sign_in(typed)[0])
    new_password(ana, "another horse battery")
    assert is_in(sign_in(typed, "another horse battery")[0])
