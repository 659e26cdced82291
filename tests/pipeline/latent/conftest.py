"""A tiny packaged model, rows to draw, and what the command makes of them."""

from types import SimpleNamespace

import numpy as np
import pytest

N_ROWS = 400


@pytest.fixture(scope="session")
def drawn(packaged, tmp_path_factory):
    """Page, content and rows of one run of the command on rows of the simulated world."""
    from pipeline.files.atomic import read_json
    from pipeline.latent.command import LatentRequest, latent
    from pipeline.model import folder as model_folder

    folder = tmp_path_factory.mktemp("latent")
    table = packaged.transactions.iloc[:N_ROWS].reset_index(drop=True)
    table.to_parquet(folder / "rows.parquet", index=False)
    frauds = np.flatnonzero(table["Class"] == 1)
    pair = int(np.flatnonzero(table["Class"] == 0)[5]), int(frauds[1])
    request = LatentRequest(
        str(packaged.folder),
        data=folder / "rows.parquet",
        paths=(pair,),
        html=folder / "latent.html",
        json=folder / "latent.json",
    )
    content = latent(request, folder)
    return SimpleNamespace(
        folder=folder,
        request=request,
        table=table,
        model=model_folder.load(packaged.folder),
        pair=pair,
        frauds=frauds,
        content=content,
        html=folder / "latent.html",
        json=read_json(folder / "latent.json"),
    )
