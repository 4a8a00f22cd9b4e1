"""Outputs: findings and verdict in, text out. One file is one output; none of them decides anything."""
