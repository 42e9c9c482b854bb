# One image for every step of a compiled pipeline and for Dataflow's workers: `make image`. Needs BuildKit.

# Debian slim with CPython 3.11. For a release name it by digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm
# Where Dataflow's harness comes from: the same version of Beam as in requirements.lock, as the two talk to each other.
ARG BEAM_SDK=apache/beam_python3.11_sdk:2.77.0
# cpu, or gpu, which adds CUDA's libraries to the same image and changes nothing else.
ARG VARIANT=cpu
# The environment keeps its path from stage to stage: it is written into the scripts.
ARG VENV=/opt/lockgate
ARG BUILD=/build

FROM ${BEAM_SDK} AS beam

FROM ${BASE} AS packages-cpu
ARG VENV
ARG BUILD
# Byte code at install time: without it every step compiles TFX again, 35 s instead of 9 s.
ENV UV_COMPILE_BYTECODE=1
# The cache is mounted from another file system.
ARG UV_LINK_MODE=copy
# One dependency has no wheel. Its compiler stays in this stage; unpinned, for Debian keeps a version only until the next.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR ${BUILD}
# uv has an environment of its own, which stays in this stage too.
COPY requirements-bootstrap.lock ./
RUN python3.11 -m venv uv \
 && uv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
    -r requirements-bootstrap.lock
# pip stays in the image: Beam's boot asks it whether apache-beam is there.
COPY requirements.lock requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    python3.11 -m venv "${VENV}" \
 && uv/bin/uv pip sync --quiet --python "${VENV}/bin/python" --require-hashes \
    --build-constraints requirements-build.lock requirements.lock

FROM packages-cpu AS packages-gpu
ARG VENV
COPY requirements-gpu.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv/bin/uv pip install --quiet --python "${VENV}/bin/python" --require-hashes --no-deps -r requirements-gpu.lock

# hadolint ignore=DL3006
FROM packages-${VARIANT} AS installed
ARG VENV
ARG BUILD
WORKDIR ${BUILD}
COPY pyproject.toml README.md LICENSE ./
COPY preprocessing preprocessing
COPY models models
COPY components components
COPY pipeline pipeline
RUN uv/bin/uv pip install --quiet --python "${VENV}/bin/python" --no-cache --no-deps --no-build-isolation .

# The wheels bring every library that the base image lacks: nothing is installed here.
FROM ${BASE}
ARG VENV
# OpenShift runs an image as a random user of group 0, so that group may write what the user may.
RUN useradd --uid 10001 --gid 0 --create-home --home-dir /home/lockgate --shell /usr/sbin/nologin lockgate \
 && chmod g=u /home/lockgate
# USER names the job of a user that has no name, as OpenShift's. LD_LIBRARY_PATH is where Google's nodes mount a GPU's
# driver. Beam's boot would make an environment of its own, without our packages.
ENV PATH=${VENV}/bin:${PATH} \
    HOME=/home/lockgate \
    USER=lockgate \
    PYTHONUNBUFFERED=1 \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib64 \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=installed ${VENV} ${VENV}
WORKDIR /home/lockgate
# A number, so that Kubernetes can tell that it is not root.
USER 10001:0
# Dataflow starts an image by its entry point, which must be this one. The compiled pipelines give a command of their
# own in its place; by hand: `docker run --entrypoint lockgate IMAGE --version`.
ENTRYPOINT ["/opt/apache/beam/boot"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Lockgate" \
      org.opencontainers.image.description="Every step of a Lockgate pipeline, and Dataflow's worker." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
