"""What a machine is made of, read on machines of many kinds that were recorded."""

import asyncio
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest

from cluster_ai.node_agent.inventory import Place, Stocktaking
from cluster_ai.nodes.inventory import GpuVendor, Inventory
from cluster_ai.nodes.sensors.nvidia import Nvml
from cluster_ai.nodes.sensors.tree import Tree
from tests.node_agent.recorded import planted
from tests.node_agent.scripted_nvml import GIB, Card, ScriptedNvml

KIB = 1024


def taken(tree: Tree, **more: Any) -> Inventory:
    """As an agent there would tell it; no interface has an address unless given."""
    told = {"addresses": dict, "wakes": lambda _name: None, "nvml": Nvml(lambda: None)} | more
    place = Place(folders=(tree.root,), tree=tree, **told)
    return asyncio.run(Stocktaking(place, version="1.2.3").take())


def test_a_raspberry_pi_is_told_by_its_cores_and_board(tmp_path: Path) -> None:
    told = taken(planted("raspberry_pi_5", tmp_path))
    assert told.cpu == "Cortex-A76 (Raspberry Pi 5 Model B Rev 1.0)"
    assert (told.cores, told.threads, told.memory) == (4, 4, 8256752 * KIB)
    assert told.system == "Debian GNU/Linux 12 (bookworm)"
    assert told.boot_id == "7cbbc0b3-7b59-4b2f-9f4e-3dd2c9a4b001"
    assert told.gpus == (), "its display is no GPU that a model could use"


def test_the_machines_own_id_does_not_leave_it(tmp_path: Path) -> None:
    told = taken(planted("raspberry_pi_5", tmp_path))
    # As `systemd-id128 machine-id --app-specific=5f0d6fbc4b0e4d1e9f2f4c3a7b8d1e60` answers on such a machine.
    assert told.machine_id == "0e0bfc4aaeef46c087bc2b1019abb255"
    assert "3d1219c7c4c5404aaa1f6d2a48adfda4" not in told.model_dump_json()


@pytest.mark.parametrize("text", ["", "uninitialized", "0" * 32, "abc", "zz" * 16])
def test_a_machine_without_an_id_has_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(text)
    assert taken(Tree(tmp_path)).machine_id == ""


def test_threads_of_one_core_are_one_core(tmp_path: Path) -> None:
    by_text = taken(planted("amd_apu", tmp_path / "a"))
    by_topology = taken(planted("two_sockets", tmp_path / "b"))
    assert (by_text.cores, by_text.threads) == (2, 4)
    assert (by_topology.cores, by_topology.threads) == (2, 4)


def test_a_gpu_in_the_processor_has_no_memory_of_its_own(tmp_path: Path) -> None:
    (gpu,) = taken(planted("amd_apu", tmp_path)).gpus
    assert (gpu.vendor, gpu.index, gpu.memory) == (GpuVendor.AMD, 0, 0)
    assert (gpu.name, gpu.driver) == ("AMD Radeon 780M", "amdgpu")


def test_a_card_of_amd_is_named_by_the_list_of_devices(tmp_path: Path) -> None:
    (gpu,) = taken(planted("amd_card", tmp_path)).gpus
    assert (gpu.name, gpu.memory) == ("Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]", 25753026560)


def test_intels_built_in_gpu_and_cards_are_told_apart(tmp_path: Path) -> None:
    built_in, arc, battlemage = taken(planted("intel_arc", tmp_path)).gpus
    assert (built_in.memory, built_in.driver, built_in.name) == (0, "i915", "intel 4680")
    assert (arc.index, arc.memory, arc.driver) == (1, 16 * GIB, "i915")
    assert (battlemage.index, battlemage.memory, battlemage.driver) == (2, 0x2FA000000, "xe")


def test_two_nvidia_gpus() -> None:
    nvml = ScriptedNvml([Card(), Card(name=b"NVIDIA RTX A4000", memory=(16 * GIB, 0))])
    first, second = Nvml(lambda: nvml).gpus()
    assert (first.name, first.memory, first.driver) == ("NVIDIA GeForce RTX 3090", 24 * GIB, "nvidia 570.133.20")
    assert (second.index, second.name, second.memory) == (1, "NVIDIA RTX A4000", 16 * GIB)


def test_memory_that_is_shared_is_told_as_none(tmp_path: Path) -> None:
    (gpu,) = Nvml(lambda: ScriptedNvml([Card(name="NVIDIA GB10", memory=None)])).gpus()
    assert (gpu.name, gpu.memory) == ("NVIDIA GB10", 0)


def test_a_gpu_in_slices_is_told_as_its_slices() -> None:
    slices = [Card(name="NVIDIA A100 MIG 3g.20gb", memory=(20 * GIB, 0)), None, Card(memory=(10 * GIB, 0))]
    nvml = ScriptedNvml([Card(), Card(memory=(40 * GIB, 0), slices=slices)])
    assert [(gpu.index, gpu.memory // GIB) for gpu in Nvml(lambda: nvml).gpus()] == [(0, 24), (200, 20), (202, 10)]


@pytest.mark.parametrize(
    "code",
    [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, pynvml.NVML_ERROR_NO_PERMISSION],
)
def test_a_driver_that_cannot_be_used_is_no_error(code: int) -> None:
    nvml = Nvml(lambda: ScriptedNvml([Card()], refuses=code))
    assert (nvml.gpus(), nvml.gauges()) == ((), ())


def test_a_driver_that_comes_back_is_found_again() -> None:
    library = ScriptedNvml([Card()])
    nvml = Nvml(lambda: library)
    assert len(nvml.gpus()) == 1
    library.refuses = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    assert (nvml.gpus(), nvml.gauges()) == ((), ())
    library.refuses = None
    assert len(nvml.gpus()) == 1
    assert library.opened == 2


def test_a_gpu_that_fell_off_the_bus_leaves_the_others() -> None:
    assert [gpu.index for gpu in Nvml(lambda: ScriptedNvml([None, Card()])).gpus()] == [1]


def test_this_machine_has_no_nvidia_driver_and_that_is_fine() -> None:
    assert Nvml().gpus() == ()


def test_interfaces_that_stay_inside_are_left_out(tmp_path: Path) -> None:
    addresses = {"lo": ("127.0.0.1/8",), "eth0": ("192.168.1.20/24",), "docker0": ("172.17.0.1/16",)}
    told = taken(planted("raspberry_pi_5", tmp_path), addresses=lambda: addresses)
    assert [(each.name, each.mac, each.addresses) for each in told.networks] == [
        ("eth0", "d8:3a:dd:01:02:03", ("192.168.1.20/24",)),
        ("wlan0", "d8:3a:dd:01:02:04", ()),
    ]


def test_what_wakes_is_told_by_the_driver_else_by_the_device(tmp_path: Path) -> None:
    tree = planted("two_sockets", tmp_path)
    addresses = {"br0": ("10.0.0.5/24",), "br-0123456789ab": ("172.18.0.1/16",), "wg0": ("10.9.0.2/32",)}
    unknown = taken(tree, addresses=lambda: addresses)
    known = taken(tree, addresses=lambda: addresses, wakes=lambda name: name == "eno2")
    assert {each.name: each.wakes for each in unknown.networks} == {
        "br0": False,
        "wg0": False,
        "eno1": True,
        "eno2": False,
    }
    assert {each.name for each in known.networks if each.wakes} == {"eno2"}
    assert next(each.mac for each in known.networks if each.name == "wg0") == ""


def test_a_container_is_as_large_as_its_limits(tmp_path: Path) -> None:
    new, old = taken(planted("container", tmp_path / "a")), taken(planted("old_container", tmp_path / "b"))
    assert (new.memory, new.cores, new.threads) == (4 * GIB, 2, 2)
    assert (old.memory, old.cores, old.threads) == (2 * GIB, 1, 1)


def test_a_machine_that_tells_nothing_is_one_all_the_same(tmp_path: Path) -> None:
    told = taken(Tree(tmp_path))
    assert (told.cores, told.threads, told.memory, told.gpus, told.networks, told.cpu) == (1, 1, 0, (), (), "")
    assert told.hostname == platform.node()


def test_garbage_is_as_good_as_nothing(tmp_path: Path) -> None:
    tree = planted("intel_arc", tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]:
        if path.name != "vendor":
            path.write_bytes(os.urandom(200))
    told = taken(tree)
    assert all(gpu.memory == 0 for gpu in told.gpus)
    assert Inventory.model_validate_json(told.model_dump_json()) == told


def test_this_machine_is_as_the_system_says(tmp_path: Path) -> None:
    place = Place(folders=(tmp_path / "models" / "not-there-yet", tmp_path, Path("/proc")))
    told = asyncio.run(Stocktaking(place, version="1").take())
    assert told.memory <= psutil.virtual_memory().total
    assert 1 <= told.cores <= told.threads <= (psutil.cpu_count() or 1)
    assert (told.architecture, told.kernel) == (platform.machine(), platform.release())
    assert told.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert told.disks[0].path.endswith("not-there-yet")
    assert 0 < told.disks[0].free <= told.disks[0].total
    assert len(told.disks) == 2, "two folders of one file system are told once"
    assert not any(each.name == "lo" for each in told.networks)
    assert Inventory.model_validate_json(told.model_dump_json()) == told
