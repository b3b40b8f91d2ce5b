//! Rows of a node: from a run of the graph up to it on a sample, or from a tap on the running job.
