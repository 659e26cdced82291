"""Labels make stale what depends on them, and nothing else."""

from pipeline.label.importing import import_labels
from pipeline.label.sheet import Sheet
from pipeline.run.request import RunRequest
from pipeline.run.running import plan


def test_new_labels_make_augment_stale_and_the_same_again_nothing(project, run_here, path):
    Sheet.read(path).answer(0, "1", "Ada")
    import_labels(path, project.path("labels"))
    plan_ = dict(plan(RunRequest(folder=project.folder)))
    assert list(plan_) == ["augment", "sgan", "evaluate"]
    assert plan_["augment"] == ["labels changed"]
    # The stand-in writes the same whatever the labels, so that what follows is spared.
    assert run_here() == ["augment"]
    import_labels(path, project.path("labels"))  # the same again
    assert run_here() == []
