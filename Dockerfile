# The cluster as an image, in stages: what builds it stays behind. docs/how-to/compose.md says how it is run.
#   docker build --target cluster -t cluster-ai .
#   docker build --target open-webui -t cluster-ai-open-webui .
# BASE_IMAGE: any image with glibc and Python 3.11 or 3.12 with venv and pip. The same for all stages, since an
# environment belongs to the Python that made it.
ARG BASE_IMAGE=python:3.12-slim

# Every package from the lock files, with its hashes. They change less often than the program: a layer of their own.
FROM ${BASE_IMAGE} AS packages
WORKDIR /cluster-ai
COPY requirements requirements
COPY scripts/setup scripts/setup
COPY scripts/manager scripts/manager
RUN ./scripts/setup/environment.sh runtime

FROM packages AS dashboard
COPY web-dashboard web-dashboard
COPY backend backend
# What its types are made from.
COPY docs/openapi.json docs/openapi.json
RUN ./scripts/setup/dashboard.sh

# What brought the packages stays behind. pip does not: by it a head fetches the packages of machines that join.
FROM packages AS program
COPY . .
COPY --from=dashboard /cluster-ai/backend/ui backend/ui
RUN .venv/bin/python -m compileall -q -j 0 cluster_ai backend \
    && .venv/bin/uv pip uninstall --python .venv/bin/python uv \
    && rm -rf .cache web-dashboard docs

FROM packages AS open-webui-packages
RUN ./scripts/setup/open_webui.sh && rm -rf .cache

# A user of its own, whose number the files on the machine can be given to.
FROM ${BASE_IMAGE} AS base
ARG CLUSTER_AI_UID=10001
# What the model engine is linked with.
RUN ldconfig -p | grep -q libgomp.so.1 \
    || { apt-get update -q && apt-get install -q -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*; }
RUN groupadd --gid "$CLUSTER_AI_UID" cluster \
    && useradd --uid "$CLUSTER_AI_UID" --gid cluster --home-dir /data --no-create-home --shell /usr/sbin/nologin cluster \
    && install -d -m 700 -o cluster -g cluster /data /backups
WORKDIR /cluster-ai
# Nothing is written beside the program: its root may be read-only, with /tmp of the memory.
ENV HOME=/data PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER cluster
VOLUME /data

# A separate program under its own licence; nothing of the cluster's is in this image but what starts it.
FROM base AS open-webui
COPY --from=open-webui-packages /cluster-ai/.venv-open-webui .venv-open-webui
COPY --from=open-webui-packages /cluster-ai/requirements requirements
COPY scripts scripts
ENV DATA_DIR=/data STATIC_DIR=/data/static
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 \
    CMD [".venv-open-webui/bin/python", "scripts/deployment/answers.py", "http://127.0.0.1:3000/health"]
CMD ["./scripts/setup/open_webui.sh", "serve"]

# The last stage is what is built when none is named.
FROM base AS cluster
COPY --from=program /cluster-ai /cluster-ai
ENV CLUSTER_AI_HOME=/data PATH=/cluster-ai/.venv/bin:$PATH
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=6 \
    CMD [".venv/bin/python", "scripts/deployment/answers.py", "http://127.0.0.1:8000/health", "http://127.0.0.1:11435/health"]
CMD ["cluster-ai", "up"]
