"""`lockgate predict`: rows of any format through the served version, in bounded memory, here or on Beam."""
