"""How long to expect what a table's missing row asks for; trainings with the scoring that follows, on two cores unless said."""

#: A recipe, or recipe and profile → the time, from our own runs (``results/``).
TRAININGS = {
    "densedepth121-nyu": "not measured; needs ImageNet weights and wants a GPU",
    "densedepth169-nyu": "not measured; needs ImageNet weights and wants a GPU",
    "densedepth121-nyu50k": "not measured; 50,688 frames twenty times, for a GPU",
    "densedepth169-nyu50k": "not measured; 50,688 frames twenty times, for a GPU",
    "densedepth-mobilenet-nyu": "half an hour",
    "densedepth-mobilenet-nyu-from-rooms": "a quarter of an hour, after densedepth-mobilenet-rooms",
    "densedepth-mobilenet-random": "half an hour",
    "eigen-kitti": "not measured; 2.5 M samples, for a GPU",
    "eigen-kitti-paper": "not measured; 2.5 M samples, for a GPU",
    "eigen-nyu": "an hour",
    "eigen-nyu/gpu": "ten minutes on a data-centre GPU",
    "eigen-nyu-from-rooms": "half an hour, after eigen-rooms-wide",
    "eigen-nyu-log-rmse": "half an hour",
    "eigen-nyu-paper": "an hour",
    "eigen-nyu-raw": "not measured; 428 GB and 3.5 M samples, for a GPU",
    "eigen-nyu-raw-paper": "not measured; 428 GB and 3.5 M samples, for a GPU",
    "eigen-nyu-report": "5 minutes",
    "interpolation-nyu": "half an hour",
    "sparse-nyu": "an hour",
    "sparse-nyu-tuned": "an hour, after sparse-nyu",
    "sparse-nyu-guided": "not measured; more than sparse-nyu takes",
    "superres-gan": "10 minutes, after superres-base",
    "superres-published": "20 minutes, after superres-base",
    "superres-x8": "an hour",
    "superres-x8-guided": "a quarter of an hour",
}
#: How an ``evaluate`` of a rival begins → the time, from ``results/benchmarks/reconstruction.json``; larger maps take as much
#: longer as they have more pixels.
RIVALS = {
    "fill:linear": "a tenth of a second for each map of 240x320",
    "fill:box/sparse": "a hundredth of a second for each map of 240x320",
    "enlarge:bicubic": "a few hundredths of a second for each map, most of it reading and scoring",
    "enlarge:box/superres": "a twentieth of a second for each map of 375x450",
}
UNKNOWN = "not measured"


def expected(recipe: str, profile: str, command: str) -> str:
    """The time of a training, or of a rival's command.

    >>> expected("eigen-nyu-report", "", "")
    '5 minutes'
    """
    if recipe:
        return TRAININGS.get(f"{recipe}/{profile}") or TRAININGS.get(recipe, UNKNOWN)
    return next((time for begins, time in RIVALS.items() if f" {begins}" in command), UNKNOWN)
