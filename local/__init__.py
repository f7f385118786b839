"""``silvercup dev``: the whole stack on one machine, without Docker and without an AWS account."""
