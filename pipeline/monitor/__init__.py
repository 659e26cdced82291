"""`counterfoil monitor`: new transactions beside what a packaged model was tested on.

`delivery` reads the new rows, `content` computes what `text` (terminal), `page` (one HTML file) and
the JSON file show, `limits` says which limit is exceeded.
"""
