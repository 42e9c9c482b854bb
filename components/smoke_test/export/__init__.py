"""The exported model as data: its signatures, graph, contract and golden predictions."""
