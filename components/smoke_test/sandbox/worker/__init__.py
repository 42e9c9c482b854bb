"""The child's side: standard library, NumPy and TensorFlow only; nothing of this project can be imported there.

The folder runs as a script (`python FOLDER`), so that its modules find each other as top-level names. The parent
imports `protocol` from here as part of the package, so that the form in which tensors cross is written once.
"""
