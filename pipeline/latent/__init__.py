"""Pictures of the latent spaces of a model: the work of `counterfoil latent`.

`command` delegates; `rows` reads, `pictures` embeds and clusters, `walks` decodes, `content` puts
figures together, `text` and `page` show them, `packing` brings all rows into the page.
"""
