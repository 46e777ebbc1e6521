# Actors, or a learner, that play the real StarCraft II. The game is not fetched here: its licence (Blizzard's AI and
# Machine Learning License) is accepted by whoever downloads it. Do step 1 of docs/starcraft2.md so that the checkout has
# StarCraftII/Versions and StarCraftII/Maps/SMAC_Maps. Then, from its root, once over each of the two images:
#   docker build --file gcp/starcraft2.Dockerfile --build-arg BASE_IMAGE=REGION-docker.pkg.dev/.../actor:TAG \
#       --tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/starcraft2-actor:TAG .
# What you build holds the game: keep it in a private registry.
ARG BASE_IMAGE=actor:latest
FROM ${BASE_IMAGE} AS build
WORKDIR /opt/seed_matrace
RUN apt-get update \
    && apt-get install --no-install-recommends --yes gcc git libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN scripts/setup_sc2_venv.sh

FROM ${BASE_IMAGE}
COPY StarCraftII /opt/StarCraftII
COPY --from=build /opt/seed_matrace/.venv-sc2 /opt/seed_matrace/.venv-sc2
ENV SC2PATH=/opt/StarCraftII \
    SEED_MATRACE_SC2_PYTHON=/opt/seed_matrace/.venv-sc2/bin/python
