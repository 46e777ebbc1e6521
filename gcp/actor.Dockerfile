# An actor's host: the simulator and what actors need, without TensorFlow. Built from the root of a checkout:
#   docker build --file gcp/actor.Dockerfile --tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/actor:TAG .
FROM python:3.12-slim AS build
WORKDIR /source
# The C compiler and NumPy's headers stay behind in this stage.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels seed_matrace \
    && rm -rf /wheels
ENTRYPOINT ["seed-matrace"]
CMD ["vertex-host"]
