"""What both ends of a gRPC stream agree on besides the frames."""

SERVICE = "seed_matrace.Actors"
STREAM = "Act"
TOKEN_KEY = "seed-matrace-token"
# A host that vanished without a word is found dead after 20 s: pings when nothing has come for 10 s.
ALIVE_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
