"""Training as a job of Vertex AI: what submits it, and what its containers run (docs/google_cloud.md)."""
