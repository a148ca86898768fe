"""The classroom: both systems side by side, live, in a browser, in a file and in a notebook."""
