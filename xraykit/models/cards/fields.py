"""What the fields of a card may hold: types, lengths and ranges that a card's file is checked against."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from xraykit.system import folders

Count = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]
Amount = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=-1.01, le=1.01)]  # kappa may be below 0, and a sum of shares a rounding above 1
Line = Annotated[str, Meta(max_length=1000)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Key = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


# The fields that pages and reports read, where a card has them. Others may stand beside them: newer versions add some.
class _Figure(TypedDict, total=False):
    value: Share | None
    low: Share | None
    high: Share | None
    n: Count | None


class _ClassFigures(TypedDict, total=False):
    support: Count
    sensitivity: _Figure | None
    specificity: _Figure | None
    ppv: _Figure | None
    npv: _Figure | None
    f1: Share | None
    auroc: Share | None
    auroc_delong: _Figure | None


class _Calibration(TypedDict, total=False):
    temperature: Amount
    before: dict[Line, Amount | None] | None
    after: dict[Line, Amount | None] | None


class _Part(TypedDict, total=False):
    n: Count
    accuracy: _Figure | None
    balanced_accuracy: Share | None
    macro_f1: Share | None
    kappa: Share | None
    macro_auroc: Share | None
    confusion: list[list[Count]] | None
    classes: dict[Label, _ClassFigures] | None
    calibration: _Calibration | None


class _AtPoint(TypedDict, total=False):
    n: Count
    sensitivity: _Figure | None
    specificity: _Figure | None
    ppv: _Figure | None
    npv: _Figure | None


class _Point(TypedDict, total=False):
    label: Label
    threshold: Share | None
    words: Line
    validation: _AtPoint | None
    test: _AtPoint | None


class _Agreement(TypedDict, total=False):
    largest_difference: Amount
    films: Count
    kind: Line
    allowed: Amount


class _Published(TypedDict, total=False):
    study: Line
    source: Line
    measure: Line
    words: Line
    label: Line
    weights: Line
    value: Share


class _Metrics(TypedDict, total=False):
    test: _Part | None
    validation: _Part | None
    operating_points: list[_Point] | None
    class_biases: dict[Label, Number] | None  # added to the logits after the last epoch, sum 0
    agreement_with_keras: _Agreement | None
    milliseconds_a_film: Amount | None
    published: list[_Published] | None


class _Data(TypedDict, total=False):
    name: Line
    digest: Line
    group_rule: Line
    groups: Count | None
    counts: dict[Label, dict[Label, Count]] | None
    split_digests: dict[Label, Line] | None
    refused: Count | None
    train_used: dict[Label, Count] | None
    shrink: Amount
    balance: Line
    division: Line


class _Hidden(TypedDict, total=False):
    width: Count
    dropout: Amount
    activation: Line


class _Phase(TypedDict, total=False):
    epochs: Count
    learning_rate: Amount
    trainable: Count | Line
    optimizer: Line
    schedule: Line
    warmup_epochs: Amount | None
    weight_decay: Amount | None
    augment: bool


class _Augmentation(TypedDict, total=False):
    rotation: Amount
    shift: Amount
    zoom: Amount
    brightness: Amount
    contrast: Amount
    flip: bool
    crop: Amount
    stretch: Amount
    gamma: Amount
    equalize: Amount
    frame: Amount
    text: Amount
    erase: Amount
    degrade: Amount


class _Imported(TypedDict, total=False):
    file: Line
    sha256: Line
    keras: Line
    scaling: Line
    output: Line


class _Recipe(TypedDict, total=False):
    name: Line
    phases: list[_Phase]
    backbone: Line
    alpha: Amount
    weights: Line | None
    image_size: Count
    channels: Count
    pooling: Line
    hidden: list[_Hidden]
    batch_normalization: Line
    momentum: Amount
    batch_size: Count
    label_smoothing: Amount
    class_weights: list[Amount] | None
    balance: Line
    shrink: Amount
    augmentation: _Augmentation
    mixup: Amount
    cached_passes: Count
    plateau_factor: Amount
    plateau_patience: Count
    early_stopping: Count | None
    bias_correction: bool
    keep: Line
    division: Line
    validation: Amount
    test: Amount
    seed: Count
    precision: Line
    backend: Line
    learning_seconds: Amount | None
    best_epoch: Count | None
    device: Line | None
    device_name: Line | None
    split: Count | None
    imported: _Imported


class _Away(_Part, total=False):
    operating_points: list[_Point] | None  # its `test` are these films


class _Elsewhere(TypedDict):
    name: Annotated[str, Meta(pattern=f"^{folders.PLAIN_NAME}$")]
    data: Line
    file: FileName
    n: Count
    overlap: Count
    compared: NotRequired[Count]  # of its own films; 0 where its training films were not known
    classes: dict[Label, Label]
    figures: _Away


class _Covered(TypedDict):
    name: Line
    file: FileName
    n: Count
    covered: _Figure
    classes: dict[Label, _Figure]
    size: Amount
    empty: Count
    whole: Count


class _Sets(TypedDict):
    level: Annotated[float, Meta(gt=0, lt=1)]
    rule: Literal["per class", "overall"]
    least: dict[Label, Annotated[float, Meta(ge=0, le=1)]]  # the probability from which a class is in the set
    places: Annotated[list[_Covered], Meta(max_length=51)]


class _Conformal(TypedDict):
    n: Count
    support: dict[Label, Count]
    sets: Annotated[list[_Sets], Meta(max_length=20)]


class _Altered(TypedDict, total=False):
    key: Line
    words: Line
    kind: Line
    n: Count
    accuracy: _Figure
    balanced: _Figure
    difference: _Figure
    balanced_difference: _Figure
    sensitivity: dict[Label, _Figure]
    flipped: Count
    p: Share
    adjusted_p: Share
    chance: Share
    verdict: Line
    given: dict[Label, Count]


class _Shortcuts(TypedDict, total=False):
    data: Line
    part: Line
    n: Count
    chance: Share
    seed: Count
    made: Line
    accuracy: _Figure
    balanced: _Figure
    sensitivity: dict[Label, _Figure]
    alterations: list[_Altered]
    masks: Count


class _Likeness(TypedDict, total=False):
    rank: _Figure
    overlap: _Figure


class _Scorecard(TypedDict, total=False):
    method: Line
    verdict: Line
    sanity: Line
    data: Line
    n: Count
    left_out: Count
    random_maps: Count
    steps: Count
    fill: Line
    seed: Count
    made: Line
    score: _Figure
    random_score: _Figure
    advantage: _Figure
    over_middle: _Figure
    likeness: dict[Label, _Likeness]
    curves: dict[Label, list[Share]]


class _AuditFinding(TypedDict):
    code: Line
    severity: Literal["info", "warn", "leak"]
    title: Line
    words: Annotated[str, Meta(max_length=10_000)]
    count: Count
    stops: bool


class _AuditProbe(TypedDict):
    key: Line
    title: Line
    balanced_accuracy: _Figure
    accuracy: _Figure
    chance: Share


class _DataAudit(TypedDict):
    digest: Digest
    made: Line
    films: Count
    accepted: bool
    findings: Annotated[list[_AuditFinding], Meta(max_length=200)]
    probes: Annotated[list[_AuditProbe], Meta(max_length=20)]


class _Source(TypedDict, total=False):
    n: Count
    accuracy: _Figure | None
    balanced_accuracy: Share | None
    validation: Share | None
    sensitivity: dict[Label, _Figure] | None


class _LeftOut(TypedDict, total=False):
    """Of networks trained alike, each without the films of one source, on the films of that source."""

    study: Line
    runs: Count
    differs: list[Line]
    sources: dict[Label, _Source]


class _Checks(TypedDict, total=False):
    """What was looked into after training, by name; each a plain object of figures."""

    data_audit: _DataAudit | None
    shortcuts: _Shortcuts | None
    scorecard: _Scorecard | None
    conformal: _Conformal | None
    left_out: _LeftOut | None


class Record(TypedDict):
    name: Annotated[str, Meta(pattern=f"^{folders.PLAIN_NAME}$")]
    title: Annotated[str, Meta(min_length=1, max_length=1000)]
    created: Annotated[str, Meta(max_length=40)]
    classes: Annotated[list[Label], Meta(min_length=2, max_length=1000)]
    image_size: Annotated[int, Meta(ge=16, le=2048)]
    channels: Literal[1, 3]
    feature_layer: Line
    temperature: Annotated[float, Meta(ge=0.01, le=100)]  # one that is fitted is 0.05 to 20
    recipe: _Recipe
    data: _Data
    metrics: _Metrics
    limits: Annotated[list[Annotated[str, Meta(max_length=10_000)]], Meta(max_length=100)]
    software: Annotated[dict[Line, Line], Meta(max_length=100)]
    files: Annotated[dict[FileName, Digest], Meta(max_length=100)]
    parameters: Count
    elsewhere: NotRequired[Annotated[list[_Elsewhere], Meta(max_length=50)]]
    checks: NotRequired[_Checks]
