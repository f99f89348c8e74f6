"""How a training runs under Lightning: modules, optimisers, checkpoints, progress. The only room that imports it."""
