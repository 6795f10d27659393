"""The files that Prometheus and Alertmanager read: their own tools check them, and every alert is seen to fire."""

import re
import subprocess
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from cluster_ai.cli.root import VERBS
from tests.watching.expressions import PROMETHEUS, ROOT, RULES, documented, metrics_of, rules
from tests.watching.promised import PROMISED, PROMISED_VERBS

ALERTMANAGER = ROOT / "config/alertmanager"
RECORDED = {rule["record"] for _, rule in rules() if "record" in rule}
ALERTS = [rule for _, rule in rules() if "alert" in rule]


def tool(*words: object, cwd: Path) -> str:
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    copytree(PROMETHEUS, tmp_path / "p")
    (tmp_path / "p/secrets").mkdir()
    (tmp_path / "p/secrets/internal.token").write_text("a token")
    said = tool("promtool", "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", cwd=tmp_path / "p")
    assert f"{len(RULES)} rule files found" in said
    assert said.count("SUCCESS") == len(RULES) + 2


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    copytree(ALERTMANAGER, tmp_path / "a")
    (tmp_path / "a/secrets").mkdir()
    (tmp_path / "a/secrets/alertmanager.token").write_text("a token")
    assert "SUCCESS" in tool("amtool", "check-config", "alertmanager.yml", cwd=tmp_path / "a")
    for labels, receiver in ((["severity=page", "alertname=TargetDown"], "cluster"), (["alertname=X"], "cluster")):
        routed = tool(
            "amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels, cwd=tmp_path / "a"
        )
        assert routed.split()[0] == receiver


def test_every_metric_of_a_rule_is_told_or_promised() -> None:
    used = set().union(*(metrics_of(rule["expr"]) for _, rule in rules())) - RECORDED
    assert len(used) > 30
    assert used - documented() - PROMISED.keys() == set()


def test_what_is_told_is_not_promised_any_more() -> None:
    assert PROMISED.keys() & documented() == set(), "take these out of tests/watching/promised.py"


def test_the_alerts_that_must_be_there() -> None:
    names = {rule["alert"] for rule in ALERTS}
    assert len(names) == len(ALERTS)
    assert names >= {
        "FlowCHighLatency", "FlowCLowSuccessRate", "FlowCStepTimeout", "FlowCNoTicketsGenerated",
        "FlowCWorkersUnavailable", "FlowCTelemetryBufferFull", "FlowCSLAViolations", "FlowCWorkerDiscoveryFailures",
        "SLAManagementSystemDown", "HighErrorRate", "SlowCalculations", "PostgreSQLDown", "RedisDown",
        "CriticalBudgetExhausted", "MultipleCriticalBudgets", "HighBurnRateFast", "HighBurnRateSlow",
        "FreezeActivated", "LongRunningFreeze", "MultipleActiveFreezes",
        "NodeDown", "CertificateExpiring", "DiskFilling", "BackupTooOld",
    }  # fmt: skip


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "action"}
    assert 'job="cluster-ai"' in str(rule["expr"]) or RECORDED & metrics_of(str(rule["expr"]))
    for verb in re.findall(r"(?:cluster-ai|manager\.sh) ([a-z]+)", rule["annotations"]["action"]):
        assert verb in VERBS or verb in PROMISED_VERBS or verb == "start", verb


JOB = 'job="cluster-ai"'
ALWAYS = {f"sla_policies_total{{{JOB}}}": "0x400", f"sla_calculation_duration_seconds_count{{{JOB}}}": "0+2x400"}
"""What is there whenever anything is."""
DAY = 86_400
NOW = 4800
"""Seconds from the start to the moment of the look."""


def growing(by: int) -> str:
    return f"0+{by}x400"


CASES: dict[str, tuple[dict[str, str], set[str]]] = {
    "all is well": (
        {
            'up{%s,process="backend"}': "1x400",
            'cluster_ai_node_up{%s,node="a"}': "1x400",
            'cluster_ai_machine_up{%s,machine="m"}': "1x400",
            'cluster_ai_part_up{%s,part="node"}': "1x400",
            "cluster_ai_snapshot_timestamp_seconds{%s}": "0+60x400",
            'cluster_ai_certificate_expiry_seconds{%s,owner="head"}': f"{NOW + 30 * DAY}x400",
            'cluster_ai_machine_disk_free_bytes{%s,machine="m"}': "500e9x400",
            "cluster_ai_backup_last_success_timestamp_seconds{%s}": "3600x400",
            'cluster_ai_gateway_outcomes_total{%s,outcome="done",code="",node="a"}': growing(10),
            "cluster_ai_flow_success_total{%s}": growing(1),
            'cluster_ai_flow_failures_total{%s,reason="error"}': "0x400",
            "tickets_consumed_total{%s}": growing(1),
            "tickets_persisted_total{%s}": growing(1),
            "cluster_ai_workers_connected{%s}": "2x400",
            'tickets_by_status{%s,status="ready"}': "3x400",
            'sla_budget_status{%s,slo_id="a"}': "1x400",
            'sla_burn_rate{%s,slo_id="a",window_hours="1"}': "14x400",
            'sla_freezes_active{%s,service_name="s",scope="SERVICE"}': "0x400",
            'cluster_ai_dependency_up{%s,dependency="database"}': "1x400",
            'cluster_ai_http_requests_total{%s,process="backend",status="200"}': growing(10),
            "cluster_ai_logs_up{%s}": "1x400",
        },
        set(),
    ),
    "a process does not answer": ({'up{%s,process="gateway"}': "1x60 0x340"}, {"TargetDown"}),
    "one node of two": (
        {'cluster_ai_node_up{%s,node="a"}': "0x400", 'cluster_ai_node_up{%s,node="b"}': "1x400"},
        {"NodeDown"},
    ),
    "every node": ({'cluster_ai_node_up{%s,node="a"}': "0x400"}, {"NodeDown", "AllNodesDown"}),
    "a machine": ({'cluster_ai_machine_up{%s,machine="m"}': "0x400"}, {"MachineDown"}),
    "a part": ({'cluster_ai_part_up{%s,part="node"}': "0x400"}, {"PartDown"}),
    "a part that comes back again and again": (
        {'cluster_ai_part_restarts_total{%s,part="node"}': growing(1)},
        {"PartRestarts"},
    ),
    "an old picture": ({"cluster_ai_snapshot_timestamp_seconds{%s}": "5x400"}, {"PictureStale"}),
    "a certificate that ends": (
        {'cluster_ai_certificate_expiry_seconds{%s,owner="m"}': f"{NOW + 10 * DAY}x400"},
        {"CertificateExpiring"},
    ),
    "a full disk": ({'cluster_ai_machine_disk_free_bytes{%s,machine="m"}': "4e9x400"}, {"DiskFilling"}),
    "a disk that will be full tomorrow": (
        {'cluster_ai_machine_disk_free_bytes{%s,machine="m"}': "300e9-300e6x400"},
        {"DiskFilling"},
    ),
    "a clock": ({'cluster_ai_machine_clock_skew_seconds{%s,machine="m"}': "-31x400"}, {"ClockSkewed"}),
    "an old backup": (
        {"cluster_ai_backup_last_success_timestamp_seconds{%s}": f"{NOW - 37 * 3600}x400"},
        {"BackupTooOld"},
    ),
    "no log store": ({"cluster_ai_logs_up{%s}": "0x400"}, {"LogsNotCollected"}),
    "logs that lag": ({"cluster_ai_logs_behind_bytes{%s}": "11e6x400"}, {"LogsNotCollected"}),
    "a sink that is away": ({'cluster_ai_logs_sink_waiting{%s,sink="loki"}': "6000x400"}, {"LogSinkBehind"}),
    "calls that fail": (
        {
            'cluster_ai_gateway_outcomes_total{%s,outcome="done",code="",node="a"}': growing(9),
            'cluster_ai_gateway_outcomes_total{%s,outcome="broken",code="x",node="a"}': growing(1),
        },
        {"GatewayFailing"},
    ),
    "few calls that fail": (
        {'cluster_ai_gateway_outcomes_total{%s,outcome="broken",code="x",node="a"}': "0x60 1x340"},
        set(),
    ),
    "slow first bytes": (
        {
            'cluster_ai_gateway_ttft_seconds_bucket{%s,model="m",le="10.0"}': "0x400",
            'cluster_ai_gateway_ttft_seconds_bucket{%s,model="m",le="30.0"}': growing(1),
            'cluster_ai_gateway_ttft_seconds_bucket{%s,model="m",le="+Inf"}': growing(1),
        },
        {"GatewaySlowStart"},
    ),
    "a queue": ({'cluster_ai_gateway_calls_waiting{%s,model="m"}': "21x400"}, {"GatewayQueueLong"}),
    "plans that take long": (
        {
            'cluster_ai_flow_duration_seconds_bucket{%s,le="14400.0"}': growing(90),
            "cluster_ai_flow_duration_seconds_count{%s}": growing(100),
        },
        {"FlowCHighLatency"},
    ),
    "plans that end in time": (
        {
            'cluster_ai_flow_duration_seconds_bucket{%s,le="14400.0"}': growing(96),
            "cluster_ai_flow_duration_seconds_count{%s}": growing(100),
        },
        set(),
    ),
    "plans that fail": (
        {
            "cluster_ai_flow_success_total{%s}": growing(20),
            'cluster_ai_flow_failures_total{%s,reason="error"}': growing(1),
        },
        {"FlowCLowSuccessRate"},
    ),
    "a step that takes long": (
        {
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C2",le="60.0"}': "0x400",
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C2",le="300.0"}': growing(1),
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C2",le="+Inf"}': growing(1),
        },
        {"FlowCStepTimeout"},
    ),
    "the step that waits for the work": (
        {
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C5",le="60.0"}': "0x400",
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C5",le="300.0"}': growing(1),
            'cluster_ai_flow_steps_duration_seconds_bucket{%s,step="C5",le="+Inf"}': growing(1),
        },
        set(),
    ),
    "tickets that are not stored": (
        {
            'cluster_ai_http_requests_total{%s,process="backend",method="POST",route="/api/v1/plans",status="201"}': growing(
                1
            ),
            "tickets_persisted_total{%s}": "7x400",
        },
        {"FlowCNoTicketsGenerated"},
    ),
    "tickets that nobody takes": (
        {
            'tickets_by_status{%s,status="ready"}': "4x400",
            "tickets_consumed_total{%s}": "7x400",
            "cluster_ai_workers_connected{%s}": "2x400",
        },
        {"TicketsStuck"},
    ),
    "tickets without workers": (
        {"cluster_ai_workers_connected{%s}": "0x400", 'tickets_by_status{%s,status="ready"}': "1x400"},
        {"FlowCWorkersUnavailable"},
    ),
    "no workers and no tickets": (
        {"cluster_ai_workers_connected{%s}": "0x400", 'tickets_by_status{%s,status="succeeded"}': "9x400"},
        set(),
    ),
    "telemetry that waits": ({"cluster_ai_flow_telemetry_buffer_size{%s}": "9001x400"}, {"FlowCTelemetryBufferFull"}),
    "deadlines that are missed": ({"cluster_ai_flow_sla_violations_total{%s}": growing(1)}, {"FlowCSLAViolations"}),
    "no worker for it": (
        {
            'cluster_ai_flow_failures_total{%s,reason="schedule_to_start_timeout"}': growing(1),
            "cluster_ai_flow_success_total{%s}": growing(500),
        },
        {"FlowCWorkerDiscoveryFailures"},
    ),
    "errors of the API": (
        {
            'cluster_ai_http_requests_total{%s,process="backend",status="200"}': growing(10),
            'cluster_ai_http_requests_total{%s,process="backend",status="500"}': growing(3),
        },
        {"HighErrorRate"},
    ),
    "calculations that take long": (
        {
            'sla_calculation_duration_seconds_bucket{%s,le="5.0"}': "0x400",
            'sla_calculation_duration_seconds_bucket{%s,le="10.0"}': growing(1),
            'sla_calculation_duration_seconds_bucket{%s,le="+Inf"}': growing(1),
        },
        {"SlowCalculations"},
    ),
    "calculations that have stopped": (
        {"sla_calculation_duration_seconds_count{%s}": "700x400"},
        {"SLAManagementSystemDown"},
    ),
    "the database": ({'cluster_ai_dependency_up{%s,dependency="database"}': "0x400"}, {"PostgreSQLDown"}),
    "Redis": ({"cluster_ai_bus_up{%s}": "0x400"}, {"RedisDown"}),
    "one budget": ({'sla_budget_status{%s,slo_id="a"}': "3x400"}, {"CriticalBudgetExhausted"}),
    "three budgets": (
        {f'sla_budget_status{{%s,slo_id="{name}"}}': "2x400" for name in "abc"},
        {"MultipleCriticalBudgets"},
    ),
    "fast burn": ({'sla_burn_rate{%s,slo_id="a",window_hours="1"}': "15x400"}, {"HighBurnRateFast"}),
    "slow burn": ({'sla_burn_rate{%s,slo_id="a",window_hours="6"}': "6.5x400"}, {"HighBurnRateSlow"}),
    "a freeze": (
        {'sla_freezes_active{%s,service_name="s",scope="SERVICE"}': "0x60 1x340"},
        {"FreezeActivated"},
    ),
    "a long freeze": (
        {'sla_freezes_active{%s,service_name="s",scope="SERVICE"}': "0x60 1x340"},
        {"FreezeActivated", "LongRunningFreeze"},
    ),
    "three freezes": (
        {f'sla_freezes_active{{%s,service_name="{name}",scope="SERVICE"}}': "0x60 1x340" for name in "abc"},
        {"FreezeActivated", "MultipleActiveFreezes"},
    ),
}


def test_which_alerts_fire(tmp_path: Path) -> None:
    """Those of each case and no others, computed by promtool itself; all in one run, which starts once."""
    tests = [checked(name, ALWAYS | told(series), fired) for name, (series, fired) in CASES.items()]
    tests.append(
        checked("nobody computes", told({'cluster_ai_node_up{%s,node="a"}': "1x400"}), {"SLAManagementSystemDown"})
    )
    case = {"rule_files": [str(path) for path in RULES], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(case))
    tool("promtool", "test", "rules", "test.yml", cwd=tmp_path)


def test_every_alert_is_seen_to_fire() -> None:
    seen = set().union(*(fired for _, fired in CASES.values())) | {"SLAManagementSystemDown"}
    assert {rule["alert"] for rule in ALERTS} == seen


def told(series: dict[str, str]) -> dict[str, str]:
    return {key % JOB if "%s" in key else key: values for key, values in series.items()}


def checked(name: str, series: dict[str, str], fired: set[str]) -> dict[str, object]:
    """A case as promtool reads it; its name stands in the expression, which a failure shows."""
    firing_now = [{"labels": f'{{alertname="{alert}"}}', "value": count(alert, series)} for alert in sorted(fired)]
    look = {
        "expr": f'count by (alertname) (ALERTS{{alertstate="firing"}}) # {name}',
        "eval_time": f"{5 * NOW if 'LongRunningFreeze' in fired else NOW}s",
        "exp_samples": firing_now,
    }
    inputs = [{"series": key, "values": values} for key, values in series.items()]
    return {"interval": "1m", "input_series": inputs, "promql_expr_test": [look]}


def count(name: str, series: dict[str, str]) -> int:
    """How many of them: one for each series of freezes, where there is an alert for each."""
    freezes = sum(key.startswith("sla_freezes_active") for key in series)
    return freezes if name in {"FreezeActivated", "LongRunningFreeze"} else 1
