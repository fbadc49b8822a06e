"""What a computation graph is made of: ops, nodes, and how they are recorded."""
