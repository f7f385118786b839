"""``integration`` tools: services described as data, in ``providers/``, and one engine that runs them."""
