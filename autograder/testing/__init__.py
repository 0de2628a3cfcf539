"""The kit for writing exercises: records, inputs, comparison, properties, rules, and the two ways to run them."""
