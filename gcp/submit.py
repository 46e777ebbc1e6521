"""Submits a training job to Vertex AI: python gcp/submit.py maps/2s3z.gin --vertex_file=my_project.gin ...

The same as ``seed-matrace vertex``; --help tells all flags, docs/google_cloud.md the rest.
"""

import sys

from seed_matrace.cli import main

if __name__ == "__main__":
    sys.exit(main(["vertex", *sys.argv[1:]]))
