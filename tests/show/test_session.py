"""Signing in and out."""

from __future__ import annotations

from gwanje.app.clock import now
from gwanje.keep.state import people
from gwanje.keep.state.people import Role
from gwanje.keep.state.tables import audit

from .conftest import ADDRESS, PASSWORD, Site


async def test_the_one_time_link_makes_one_user_who_is_then_signed_in(site: Site) -> None:
    with site.house.state.write() as connection:
        token = people.invite(connection, Role.ADMIN, now())
    asked = {"token": token, "name": "kim", "password": PASSWORD}
    async with site.client(Origin=ADDRESS) as client:
        made = await client.post("/api/first-user", json=asked)
        assert (made.status_code, made.json()["role"]) == (200, "admin")
        assert (await client.get("/api/session")).json()["name"] == "kim"
        assert (await client.post("/api/first-user", json={**asked, "name": "lee"})).status_code == 403


async def test_a_password_that_will_not_do_leaves_the_link_usable(site: Site) -> None:
    with site.house.state.write() as connection:
        token = people.invite(connection, Role.ADMIN, now())
    async with site.client() as client:
        refused = await client.post("/api/first-user", json={"token": token, "name": "kim", "password": "short"})
        assert (refused.status_code, refused.json()["error"]["where"]) == (422, "password")
        assert (
            await client.post("/api/first-user", json={"token": token, "name": "kim", "password": PASSWORD})
        ).status_code == 200


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    with site.house.state.write() as connection:
        people.add_user(connection, "kim", PASSWORD, Role.VIEWER, now())
    async with site.client() as client:
        answer = await client.post("/api/session", json={"name": "kim", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert PASSWORD not in answer.text


async def test_signing_out_ends_the_session_on_the_server(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        token = client.cookies["gwanje_session"]
        assert (await client.delete("/api/session")).status_code == 204
        with site.house.state.read() as connection:
            assert people.by_session(connection, token, now()) is None


async def test_after_eight_wrong_tries_one_has_to_wait_even_with_the_right_password(site: Site) -> None:
    with site.house.state.write() as connection:
        people.add_user(connection, "kim", PASSWORD, Role.VIEWER, now())
    async with site.client() as client:
        wrong = [(await client.post("/api/session", json={"name": "kim", "password": "wrong"})).status_code for _ in range(8)]
        assert wrong == [401] * 8
        refused = await client.post("/api/session", json={"name": "kim", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 61


async def test_who_signed_in_and_who_was_refused_is_in_the_audit_trail(site: Site) -> None:
    async with site.signed_in(Role.VIEWER) as client:
        await client.post("/api/session", json={"name": "viewer", "password": "wrong"})
    with site.house.state.read() as connection:
        rows = connection.execute(audit.select().order_by(audit.c.id)).mappings().all()
    assert [(row["who"], row["what"], row["address"]) for row in rows] == [
        ("viewer", "sign in", "127.0.0.1"),
        ("viewer", "sign in refused", "127.0.0.1"),
    ]
