"""The chain rule: one step of it (`chain`), all steps (`flow`), and what they are used for."""
