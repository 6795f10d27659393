"""Everything that is known of a machine comes together in one record."""

from cluster_ai.nodes.discovery.finds import Finds, Hint, Members
from cluster_ai.nodes.discovery.types import Entry, How, Kind, Service, Why

SSH = Service(port=22, kind=Kind.SSH, version="OpenSSH_9.2")
OLLAMA = Service(port=11434, kind=Kind.OLLAMA)


def test_sources_that_speak_of_one_address_speak_of_one_machine() -> None:
    finds = Finds()
    finds.add(Hint(How.ARP, "10.0.0.7", mac="aa:bb:cc:dd:ee:ff"))
    finds.add(Hint(How.MDNS, "10.0.0.7", names=("shelf.local",), services=(OLLAMA,)))
    entry = Entry(alias="shelf", user="ana")
    finds.add(Hint(How.SSH_CONFIG, "10.0.0.7", names=("shelf",), entry=entry))
    found = finds.add(Hint(How.SCAN, "10.0.0.7", services=(SSH,)))
    assert finds.all() == (found,)
    assert found.how == (How.ARP, How.MDNS, How.SSH_CONFIG, How.SCAN)
    assert found.names == ("shelf.local", "shelf")
    assert [one.port for one in found.services] == [22, 11434]
    assert (found.mac, found.entry, found.usable) == ("aa:bb:cc:dd:ee:ff", entry, True)


def test_one_host_key_at_two_addresses_is_one_machine() -> None:
    finds = Finds()
    one = finds.add(Hint(How.SCAN, "10.0.0.7", services=(SSH,)))
    finds.add(Hint(How.SCAN, "10.0.0.8", services=(SSH,), host_keys=("SHA256:a",)))
    both = finds.add(Hint(How.SCAN, "10.0.0.7", services=(SSH,), host_keys=("SHA256:a",)))
    assert len(finds.all()) == 1
    assert (both.id, both.address, both.others) == (one.id, "10.0.0.7", ("10.0.0.8",))
    assert finds.absorbed("10.0.0.8")
    again = finds.add(Hint(How.MDNS, "10.0.0.8", names=("shelf.local",)))
    assert (again.id, again.names) == (one.id, ("shelf.local",))


def test_a_name_that_known_hosts_has_is_given_to_the_address_with_its_key() -> None:
    finds = Finds()
    finds.add(Hint(How.KNOWN_HOSTS, names=("shelf",), host_keys=("SHA256:a",), why_not=Why.NAME_UNKNOWN))
    found = finds.add(Hint(How.SCAN, "10.0.0.7", services=(SSH,), host_keys=("SHA256:a",)))
    assert (found.address, found.names) == ("10.0.0.7", ("shelf",))
    assert found.usable, "its name leads nowhere, and it was found all the same"


def test_each_reason_against_it() -> None:
    members = Members(frozenset({"10.0.0.1"}), frozenset({"10.0.0.2"}), frozenset({"attic"}))
    finds = Finds(members)
    assert finds.add(Hint(How.ARP, "10.0.0.1")).why_not is Why.THIS_MACHINE
    assert finds.add(Hint(How.SCAN, "10.0.0.2", services=(SSH,))).why_not is Why.IN_CLUSTER
    assert finds.add(Hint(How.SCAN, "10.0.0.3", names=("Attic",), services=(SSH,))).why_not is Why.IN_CLUSTER
    assert finds.add(Hint(How.SCAN, "10.0.0.4", services=(OLLAMA,))).why_not is Why.NO_SSH
    assert finds.add(Hint(How.SSH_CONFIG, names=("x",), why_not=Why.PROXY_COMMAND)).why_not is Why.PROXY_COMMAND
    behind = Hint(How.SSH_CONFIG, names=("y",), entry=Entry(alias="y", jump="x"))
    assert finds.add(behind).usable, "nobody can look, so nobody says no"


def test_who_looked_knows_better_than_who_heard() -> None:
    finds = Finds()
    finds.add(Hint(How.SCAN, "10.0.0.7", services=(SSH,)))
    lie = Service(port=22, kind=Kind.CLUSTER_HEAD, name="trust me")
    assert finds.add(Hint(How.MDNS, "10.0.0.7", services=(lie,))).services == (SSH,)
