# Targets: serve (the default, last), serve-agent, serve-registry, run, train, tracking. The build-* stages hold pip and the sources,
# the targets do not.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/var/cache/pip
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY anomaliz anomaliz
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt .

FROM build AS build-train
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt '.[train,tracking]'

FROM build AS build-agent
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt '.[agent]'

FROM build AS build-tracking
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt '.[tracking]'

FROM build AS build-pipelines
RUN --mount=type=cache,target=/var/cache/pip pip install --constraint constraints.txt '.[pipelines]'

FROM python:3.11-slim AS runtime
# A named volume takes the owner of the folder that it covers, so the folders are made here.
RUN useradd --uid 10001 --create-home anomaliz \
    && install --directory --owner=anomaliz /app /app/artifacts /app/cache /app/.anomaliz /mlflow
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER anomaliz

FROM runtime AS train
COPY --from=build-train /venv /venv
CMD ["anomaliz", "train", "--out", "artifacts/dev"]

FROM runtime AS tracking
COPY --from=build-tracking /venv /venv
EXPOSE 5000
# MLflow answers only to the names it is given: those of the host's browser and of the compose network.
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", \
     "--allowed-hosts", "localhost:*,127.0.0.1:*,mlflow:5000", \
     "--backend-store-uri", "sqlite:////mlflow/mlflow.db", "--artifacts-destination", "/mlflow/artifacts"]

FROM runtime AS service
ENV ANOMALIZ_ARTIFACT_DIR=/app/artifacts/dev ANOMALIZ__API__HOST=0.0.0.0 ANOMALIZ__API__PORT=8000
EXPOSE 8000
# The empty ProxyHandler keeps a proxy of the environment out of the container's talk with itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import os; from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:' + os.environ['ANOMALIZ__API__PORT'] + '/readyz', timeout=4)"]
CMD ["anomaliz", "serve"]

# MLflow, for the process beside the service that asks the registry; the service itself imports none of it.
FROM service AS serve-registry
COPY --from=build-tracking /venv /venv
ENV ANOMALIZ_ARTIFACT_DIR=models:/anomaliz@champion ANOMALIZ__TRACKING__CACHE_DIR=/app/cache

# The definitions are mounted at /app/pipelines; a volume at /app/.anomaliz keeps how far each has come.
FROM service AS run
COPY --from=build-pipelines /venv /venv
CMD ["anomaliz", "run", "/app/pipelines"]

FROM service AS serve-agent
COPY --from=build-agent /venv /venv

FROM service AS serve
COPY --from=build /venv /venv
