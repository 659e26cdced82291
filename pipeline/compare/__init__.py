"""`counterfoil compare`: two or more packaged models on the rows that they share.

`candidates` finds the models, `shared_rows` the rows, `content` computes what `text` (terminal),
`page` (one HTML file) and the JSON file show.
"""
