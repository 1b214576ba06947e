"""A job: one source into one folder, told to observers and by a report."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.errors import ConfigError, ExportError, ModelError, SourceError
from pipeline.export import formats
from pipeline.export.read import read_results
from pipeline.job import Job, Models, Observer, Wants, load_models, run_job
from pipeline.job_options import JobOptions, ModelOptions, MotionOptions, ResultOptions, SourceOptions
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions, parse_options
from pipeline.types import Rows, Shown, Tier
from tests.helpers.dummy_format import DUMMY, PER_PERSON, lines
from tests.helpers.stand_ins import (
    NumberingLifter,
    NumberingPreviewLifter,
    PairDetector,
    StandInConfig,
    TrueDetector,
)

NAME = "synthetic:frames=30,size=160x120"


def options(name: str = NAME, **results) -> JobOptions:
    return JobOptions(
        SourceOptions(name), motion=MotionOptions(smooth="off"), results=ResultOptions(**{"video": False, **results})
    )


def models(name: str = NAME, detector: type[TrueDetector] = TrueDetector, lifter=None) -> Models:
    """Stand-ins for this source."""
    source = SyntheticSource(parse_options(name))
    return Models(detector(source), lifter or NumberingLifter(), "standard")


class Noting(Observer):
    """Notes what it is told."""

    def __init__(self, wants: Wants = Wants.ROWS, at_row: Callable[[Job, int], None] | None = None) -> None:
        self._wants, self._at_row = wants, at_row
        self.order: list[str] = []
        self.taken: list[Rows] = []
        self.pictures: list[tuple[Shown, U8 | None]] = []

    def begin(self, job: Job) -> Wants:
        assert job.source.info.width_px == 160 and job.folder.is_dir()
        self.job = job
        self.order.append("begin")
        return self._wants

    def rows(self, rows: Rows) -> None:
        self.order.append("rows")
        self.taken.append(rows)
        if self._at_row is not None:
            self._at_row(self.job, rows.frame_index)

    def shown(self, shown: Shown, picture: U8 | None) -> None:
        self.order.append("shown")
        self.pictures.append((shown, picture))


def run_json(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


# ---- what observers are given


def test_who_wants_rows_gets_rows(tmp_path: Path) -> None:
    noting = Noting(Wants.ROWS)
    run_job(options(), tmp_path, [noting], models=models())
    assert [rows.frame_index for rows in noting.taken] == list(range(30))
    assert noting.order == ["begin"] + ["rows"] * 30 and noting.pictures == []


def test_who_wants_frames_gets_them_whole_and_without_a_picture(tmp_path: Path) -> None:
    noting = Noting(Wants.FRAMES)
    report = run_job(options(), tmp_path, [noting], models=models())
    assert [shown.frame.index for shown, _ in noting.pictures] == list(range(30))
    for shown, picture in noting.pictures:
        assert picture is None and shown.frame.image.shape == (120, 160, 3) and shown.tier is Tier.SETTLED
    assert report.counts.pictures == 0 and "draw" not in report.timings.stages
    assert noting.order[1:] == ["rows", "shown"] * 30, "a picture comes after its rows"


def test_who_wants_pictures_gets_them_and_the_others_too(tmp_path: Path) -> None:
    rows, frames, pictures = Noting(Wants.ROWS), Noting(Wants.FRAMES), Noting(Wants.PICTURES)
    report = run_job(options(), tmp_path, [rows, frames, pictures], models=models())
    sizes = {picture.shape for _, picture in pictures.pictures if picture is not None}
    assert len(pictures.pictures) == 30 and sizes == {(240, 560, 3)} and report.counts.pictures == 30
    assert [rows.frame_index for rows in rows.taken] == [rows.frame_index for rows in frames.taken] == list(range(30))
    assert report.files == ["poses3d.csv", "poses2d.csv"], "nobody asked for a video"


def test_rows_are_in_the_files_before_an_observer_gets_them(tmp_path: Path) -> None:
    def look(job: Job, index: int) -> None:
        sizes.append((job.folder / "poses3d.csv.part").read_text().count("\n"))

    sizes: list[int] = []
    run_job(options(), tmp_path, [Noting(at_row=look)], models=models())
    assert sizes == [1 + 17 * (n + 1) for n in range(30)]


# ---- the report


def test_the_report_is_what_run_json_says(tmp_path: Path) -> None:
    report = run_job(options(video=True, formats=("csv", "npz"), wide=True), tmp_path, models=models())
    written = run_json(tmp_path)
    assert written == json.loads(json.dumps(report.to_json()))
    assert report.status == written["status"] == "complete" and report.error is None and "error" not in written
    assert report.files == written["files"] == ["poses3d.csv", "poses2d.csv", "poses3d.npz", "overlay.mp4"]
    assert sorted([*report.files, "run.json"]) == sorted(path.name for path in tmp_path.iterdir())
    assert (report.source.kind, report.source.width_px, report.source.live) == ("synthetic", 160, False)
    assert (report.counts.frames, report.counts.frames_with_person, report.counts.people) == (30, 30, 1)
    assert (report.chosen.detector, report.chosen.quality, report.chosen.smooth) == ("default", "standard", "off")
    assert report.models["lifter"].name == written["models"]["lifter"]["name"] == "stand-in"
    assert written["options"]["source"]["name"] == NAME and written["options"]["results"]["wide"] is True
    assert report.conventions.body_height_m == 1.7 and report.timings.wall_s > 0 and "numpy" in report.versions


def test_a_config_of_a_detector_is_told_in_the_report(tmp_path: Path) -> None:
    asked = replace(options(), models=ModelOptions(detector=StandInConfig(70.0), device="cpu", threads=1))
    report = run_job(asked, tmp_path)
    assert report.chosen.detector == "StandInConfig(x_px=70.0)" and report.counts.frames_with_person == 30
    assert run_json(tmp_path)["options"]["models"]["detector"] == {"x_px": 70.0}
    assert set(report.models) == {"lifter"}


def test_without_a_folder_the_results_lie_in_one_called_like_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_job(options(), models=models())
    assert (tmp_path / "out" / "synthetic" / "poses3d.csv").is_file()


# ---- models for several jobs


def test_loaded_models_serve_two_jobs_with_a_reset_in_between(tmp_path: Path) -> None:
    shared = models()
    assert isinstance(shared.detector, TrueDetector)
    reports = [run_job(options(), tmp_path / name, models=shared) for name in ("a", "b")]
    assert shared.detector.resets == 2 and not shared.detector.closed
    assert [report.status for report in reports] == ["complete"] * 2
    assert (tmp_path / "a" / "poses3d.csv").read_bytes() == (tmp_path / "b" / "poses3d.csv").read_bytes()


def test_models_that_a_job_loads_it_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = models()
    monkeypatch.setattr("pipeline.job.load_models", lambda *_, **__: loaded)
    with Job(options(), tmp_path) as job:
        assert job.models is loaded
        job.run()
        assert isinstance(loaded.detector, TrueDetector) and not loaded.detector.closed
    assert loaded.detector.closed


def test_load_models_by_name() -> None:
    asked = replace(options(), preset="fast", models=ModelOptions(device="cpu", threads=1))
    loaded = load_models(asked)
    with loaded.detector:
        assert loaded.quality == "fast" and loaded.lifter.spec.window == 27 and not loaded.lifter.spec.previews
        assert set(loaded.detector.models) == {"detector", "search"}
    with pytest.raises(ConfigError) as caught:
        load_models(replace(asked, models=ModelOptions(quality="fast", device="cpu")), live=True)
    assert caught.value.field == "quality"


# ---- how it ends


def test_an_interrupt_keeps_the_frames_under_way(tmp_path: Path) -> None:
    def interrupt(job: Job, index: int) -> None:
        if index == 5:
            threading.Thread(target=job.interrupt).start()

    name = "synthetic:frames=3000,size=160x120"
    report = run_job(options(name), tmp_path, [Noting(at_row=interrupt)], models=models(name))
    assert report.status == run_json(tmp_path)["status"] == "interrupted" and report.error is None
    assert 5 < report.counts.frames < 3000
    assert len(lines(tmp_path / "poses3d.csv")) == 17 * report.counts.frames and not list(tmp_path.glob("*.part"))


def test_a_stop_is_no_interrupt(tmp_path: Path) -> None:
    name = "synthetic:frames=3000,size=160x120"
    noting = Noting(at_row=lambda job, index: job.stop())
    report = run_job(options(name), tmp_path, [noting], models=models(name))
    assert report.status == "stopped" and 0 < report.counts.frames < 3000


def test_a_job_that_is_stopped_before_it_runs_has_no_rows(tmp_path: Path) -> None:
    with Job(options(), tmp_path, models=models()) as job:
        job.interrupt()
        report = job.run()
    assert report.status == "interrupted" and report.counts.frames == 0 and lines(tmp_path / "poses3d.csv") == []


def test_a_keyboard_interrupt_after_an_interrupt_ends_the_run(tmp_path: Path) -> None:
    def impatient(job: Job, index: int) -> None:
        if index == 3:
            job.interrupt()
            raise KeyboardInterrupt

    report = run_job(options(), tmp_path, [Noting(at_row=impatient)], models=models())
    assert report.status == "interrupted" and len(lines(tmp_path / "poses3d.csv")) == 17 * 4


@pytest.mark.parametrize("failure", [ModelError("values are not finite"), RuntimeError("oh")])
def test_a_failure_leaves_status_failed_and_the_rows_before_it(tmp_path: Path, failure: BaseException) -> None:
    def fail(job: Job, index: int) -> None:
        if index == 7:
            raise failure

    with pytest.raises(type(failure)):
        run_job(options(), tmp_path, [Noting(at_row=fail)], models=models())
    written = run_json(tmp_path)
    assert written["status"] == "failed" and written["error"] == str(failure)
    assert len(lines(tmp_path / "poses3d.csv")) == 17 * 8 and not list(tmp_path.glob("*.part"))
    assert written["files"] == ["poses3d.csv", "poses2d.csv"]


def test_a_lifter_that_fails_leaves_rows_of_what_was_read(tmp_path: Path) -> None:
    class Fails(NumberingLifter):
        def __call__(self, windows):
            raise ModelError("values are not finite")

    with pytest.raises(ModelError, match="not finite"):
        run_job(options(), tmp_path, models=models(lifter=Fails()))
    written = run_json(tmp_path)
    assert written["status"] == "failed" and written["error"] == "values are not finite"
    assert len(lines(tmp_path / "poses2d.csv")) == 17 * written["counts"]["frames"] > 0


def test_nothing_is_written_where_results_are_already(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("precious")
    with pytest.raises(ConfigError, match=r"already holds run\.json") as caught:
        run_job(options(), tmp_path, models=models())
    assert caught.value.field == "folder" and (tmp_path / "run.json").read_text() == "precious"
    assert run_job(options(overwrite=True), tmp_path, models=models()).status == "complete"


def test_what_can_not_be_opened_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        run_job(options("nowhere.mp4"), tmp_path / "out", models=models())
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="a file is in the way"):
        run_job(options(), tmp_path / "file", models=models())


def test_a_live_source_can_not_be_paced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Live(SyntheticSource):
        @property
        def info(self):
            return replace(super().info, live=True)

    monkeypatch.setattr("pipeline.job.open_source", lambda *_, **__: Live(SyntheticOptions(frames=3)))
    with pytest.raises(ConfigError) as caught:
        run_job(JobOptions(SourceOptions("0", paced=True)), tmp_path, models=models())
    assert caught.value.field == "paced"


def test_a_paced_clip_has_previews_and_a_film(tmp_path: Path) -> None:
    name = "synthetic:frames=20,size=160x120,fps=20"
    asked = JobOptions(SourceOptions(name, paced=True), results=ResultOptions(record=True))
    noting = Noting(Wants.PICTURES)
    report = run_job(asked, tmp_path, [noting], models=models(name, lifter=NumberingPreviewLifter()))
    assert report.source.live and report.counts.frames + report.counts.dropped_frames == 20
    assert any(shown.tier is Tier.PREVIEW for shown, _ in noting.pictures)
    with av.open(str(tmp_path / "overlay.mp4")) as video:
        pictures = sum(1 for _ in video.decode(video=0))
    assert pictures == report.counts.pictures - report.counts.not_recorded > 0


# ---- two people, end to end


def test_two_people_from_the_source_to_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Person 0 from the first frame on, person 3 from the tenth."""
    monkeypatch.setattr(formats, "FILE_FORMATS", [*formats.FILE_FORMATS, DUMMY, PER_PERSON])
    noting = Noting(Wants.PICTURES)
    asked = replace(options(video=True, formats=("csv", "npz", "dummy", "each")), motion=MotionOptions(smooth="light"))
    report = run_job(asked, tmp_path, [noting], models=models(detector=PairDetector))

    assert report.counts.people == 2 and report.counts.frames == report.counts.frames_with_person == 30
    per_person = ["each_person0.txt", "each_person3.txt"]
    assert set(per_person) < set(report.files) and len(list(tmp_path.glob("each_*"))) == 2

    expected = [(n, track) for n in range(30) for track in ((0,) if n < 10 else (0, 3))]
    for name in ("poses3d.csv", "poses2d.csv", "poses3d_smooth.csv"):
        cells = [line.split(",") for line in lines(tmp_path / name)[::17]]
        assert [(int(cell[0]), int(cell[2])) for cell in cells] == expected, name
    for name in ("poses3d.npz", "poses3d_smooth.npz"):
        with np.load(tmp_path / name) as file:
            assert list(zip(file["frame"].tolist(), file["track_id"].tolist(), strict=True)) == expected, name
    assert [line.split(" ")[0] for line in lines(tmp_path / per_person[0])] == [str(n) for n in range(30)]
    assert [line.split(" ")[0] for line in lines(tmp_path / per_person[1])] == [str(n) for n in range(10, 30)]

    motion = read_results(tmp_path)
    assert list(motion.people) == [0, 3] and (len(motion[0]), len(motion[3])) == (30, 20)
    assert (motion[0].xyz_m[20] == 20).all() and (motion[3].xyz_m[10] == 3020).all()
    beside = motion[3].xy_px - motion[0].xy_px[10:]
    assert beside == pytest.approx(PairDetector.BESIDE_PX, abs=0.02)

    assert [shown.frame.index for shown, _ in noting.pictures] == list(range(30))
    for shown, picture in noting.pictures:
        people = [person.track_id for person in shown.people]
        assert people == ([0] if shown.frame.index < 10 else [0, 3]) and picture is not None
    with av.open(str(tmp_path / "overlay.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 30


def test_an_open_source_is_used_and_stays_open(tmp_path: Path) -> None:
    with SyntheticSource(parse_options(NAME)) as source:
        report = run_job(options("whatever"), tmp_path, models=models(), source=source)
        assert report.source.name == source.info.name and report.counts.frames == len(list(source)) > 0


def test_no_formats_is_no_result() -> None:
    with pytest.raises(ConfigError, match="formats names none; there are: csv, npz"):
        ResultOptions(formats=())


def test_a_job_runs_once_and_may_be_interrupted_while_models_load(tmp_path: Path) -> None:
    class Impatient(Observer):
        def begin(self, job: Job) -> Wants:
            assert job.statistics.frames == 0
            job.toggle_mirror()
            job.interrupt()
            return Wants.ROWS

    with Job(options(), tmp_path, [Impatient()], models=models()) as job:
        report = job.run()
        assert report.status == "interrupted" and report.counts.frames == 0
        with pytest.raises(RuntimeError, match="has run already"):
            job.run()
    assert run_json(tmp_path)["status"] == "interrupted"


def test_an_interrupt_of_python_is_no_failure(tmp_path: Path) -> None:
    def interrupt(job: Job, index: int) -> None:
        if index == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(options(), tmp_path, [Noting(at_row=interrupt)], models=models())
    assert run_json(tmp_path)["status"] == "interrupted" and "error" not in run_json(tmp_path)


def test_files_of_people_of_an_earlier_run_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FILE_FORMATS", [*formats.FILE_FORMATS, PER_PERSON])
    monkeypatch.setattr("pipeline.job.FILE_FORMATS", formats.FILE_FORMATS)
    asked = options(formats=(PER_PERSON.format,), overwrite=True)
    run_job(asked, tmp_path, models=models(detector=PairDetector))
    old = {path.name for path in tmp_path.glob(PER_PERSON.pattern)}
    run_job(asked, tmp_path, models=models())
    assert {path.name for path in tmp_path.glob(PER_PERSON.pattern)} == {PER_PERSON.file_name(0)} < old


def test_a_format_that_is_in_the_table_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FILE_FORMATS", [*formats.FILE_FORMATS, DUMMY, DUMMY])
    with pytest.raises(ConfigError, match="twice"):
        run_job(options(formats=(DUMMY.format,)), tmp_path, models=models())


def test_numbers_of_numpy_are_numbers_in_the_report(tmp_path: Path) -> None:
    asked = JobOptions(
        SourceOptions(NAME),
        motion=MotionOptions(height_m=np.float32(1.8), focal_px=np.int64(300), smooth="off"),  # type: ignore[arg-type]
        results=ResultOptions(video=False),
    )
    report = run_job(asked, tmp_path, models=models())
    assert json.loads(json.dumps(report.to_json())) == run_json(tmp_path)
    assert run_json(tmp_path)["options"]["motion"]["focal_px"] == 300
