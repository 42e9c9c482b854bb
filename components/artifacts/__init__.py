"""What one component writes and another one, or pipeline/, reads: names of files and folders, and their content.

One module for each artifact. Writers and readers import it, so a name or a field is written down once. Nothing here
imports TensorFlow, Beam, TFX or a component. The verdicts of the gates, which pipeline/ alone reads, are modelled in
`components.data_gate.report` and `components.smoke_test.report`; their file names are in `reports`.
"""
