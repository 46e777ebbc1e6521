# The learner, with TensorFlow and the CUDA libraries that its wheels bring; it trains on CPUs as well, and evaluates.
# The host needs NVIDIA's driver, which Vertex AI's machines with GPUs have. Built from the root of a checkout:
#   docker build --file gcp/learner.Dockerfile --tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/learner:TAG .
FROM python:3.12-slim AS build
WORKDIR /source
RUN apt-get update \
    && apt-get install --no-install-recommends --yes gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# openssl makes the certificate by which actors know their learner.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes openssl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
# EXTRA=learner is smaller, for machines without a GPU.
ARG EXTRA=cuda
RUN wheel="$(echo /wheels/seed_matrace-*.whl)" \
    && pip install --no-cache-dir "${wheel}[${EXTRA}]" \
    && rm -rf /wheels
ENV TF_CPP_MIN_LOG_LEVEL=2
ENTRYPOINT ["seed-matrace"]
CMD ["vertex-host"]
