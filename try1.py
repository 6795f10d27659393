import sys, time, tempfile, asyncio, json
from pathlib import Path
from benchmarks.rig.work import cluster
from benchmarks.rig.plans import plans_of
from tests.ports import free_base
from cluster_ai.executors.types import ExecutorSettings
from cluster_ai.plans.types import NewPlan
N=int(sys.argv[1])
S={"CLUSTER_AI_EXECUTORS__SANDBOX":"none","CLUSTER_AI_EXECUTORS__TRUSTED_KINDS":'["EXECUTE","BUILD"]'}
async def main(c):
    async with plans_of(c, ExecutorSettings(sandbox="none",trusted_kinds=("EXECUTE","BUILD"))) as p:
        led=c.home/"ledger"
        ts=[{"id":f"t{i}","type":"EXECUTE","parameters":{"argv":["/bin/sh","-c",f"echo {i} >> {led}"],"trusted":True}} for i in range(N)]
        t0=time.time()
        acc=await p.plans.submit(NewPlan.model_validate({"tickets":ts}),owner="ana")
        print("submit",time.time()-t0)
        while True:
            plan=await p.reader.plan(acc.plan.plan_id)
            if plan.status.value not in ("submitted","running"): break
            await asyncio.sleep(.2)
            if time.time()-t0>60: break
        print(plan.status, plan.succeeded, plan.failed, time.time()-t0)
        page=await p.reader.tickets({"plan_id":acc.plan.plan_id},limit=3)
        for t in page.items: print(t.status,t.error_code,t.error_message,t.actual_duration_ms)
with cluster(Path(tempfile.mkdtemp()), free_base(), settings=S) as c:
    asyncio.run(main(c))
    print(open(c.home/"worker-0.out").read()[-1500:])
    print([l for l in open(c.home/"api.out") if 'error' in l or 'warn' in l][-5:])
    import psutil
    for n,p in c.processes.items():
        pr=[psutil.Process(p.pid),*psutil.Process(p.pid).children(recursive=True)]
        print(n,[(x.name(),x.cmdline()[-3:],round(sum(x.cpu_times()[:4]),2),x.memory_info().rss>>20) for x in pr])
    print(len(open(c.home/"ledger").read().split()))
