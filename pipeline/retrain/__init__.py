"""`counterfoil retrain`: takes deliveries in, trains a challenger, and promotes what is better.

`intake` keeps the deliveries, `window` makes the training table of them, `challenge` trains,
`gates` judge, `promotion` moves the champion and `history` remembers it; `retrain` puts them in
order. Everything lies in one state folder; a call that is killed at any moment is taken up by the
next.
"""
