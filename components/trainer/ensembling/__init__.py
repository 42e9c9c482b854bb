"""The training of the family `ensemble`: its members, their weights, and the student that learns from them."""
