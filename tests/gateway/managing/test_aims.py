"""How long a client's blobs keep going to one node."""

from cluster_ai.gateway.managing.blobs import AIM_SECONDS, KEPT, MADE_SECONDS, Aims


def test_an_aim_lasts_an_hour_after_its_last_blob_and_a_minute_after_its_model() -> None:
    now = [0.0]
    aims = Aims(lambda: now[0])
    assert aims.get("a") == ()
    aims.set("a", ("x",))
    aims.set("b", ("y", "z"))
    now[0] = AIM_SECONDS - 1
    assert aims.get("a") == ("x",)
    aims.set("a", ("x",))
    now[0] = AIM_SECONDS + 1
    assert (aims.get("a"), aims.get("b")) == (("x",), ())
    aims.made("a")
    aims.made("nobody")
    now[0] += MADE_SECONDS - 1
    assert aims.get("a") == ("x",)
    now[0] += 2
    assert aims.get("a") == ()


def test_aims_of_many_clients_are_bounded() -> None:
    aims = Aims(lambda: 0.0)
    for number in range(KEPT + 5):
        aims.set(str(number), ("x",))
    assert aims.get("4") == ()
    assert aims.get("5") == ("x",)
