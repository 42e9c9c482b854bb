"""`lockgate monitor`: the requests that a server kept, beside the data that the served version learned from."""
