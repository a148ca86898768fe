"""What every claim of the lecture stands on: how it is stated, measured, judged and shown."""
